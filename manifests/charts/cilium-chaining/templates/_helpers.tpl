{{- define "cilium-chaining.labels" -}}
app.kubernetes.io/name: cilium-chaining
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
