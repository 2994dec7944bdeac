{{- define "cilium-networkpolicy.labels" -}}
app.kubernetes.io/name: cilium-networkpolicy
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
