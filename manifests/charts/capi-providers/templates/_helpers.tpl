{{- define "capi-providers.labels" -}}
app.kubernetes.io/name: capi-providers
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
