{{- define "storage-classes.labels" -}}
app.kubernetes.io/name: storage-classes
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
