{{- define "linstor.labels" -}}
app.kubernetes.io/name: linstor
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
