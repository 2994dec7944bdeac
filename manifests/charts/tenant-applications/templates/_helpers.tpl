{{- define "tenant-applications.labels" -}}
app.kubernetes.io/name: tenant-applications
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
