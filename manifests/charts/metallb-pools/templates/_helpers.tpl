{{- define "metallb-pools.labels" -}}
app.kubernetes.io/name: metallb-pools
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
