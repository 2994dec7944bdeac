{{- define "cilium-pools.labels" -}}
app.kubernetes.io/name: cilium-pools
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
