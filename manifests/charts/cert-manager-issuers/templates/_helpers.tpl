{{- define "cert-manager-issuers.labels" -}}
app.kubernetes.io/name: cert-manager-issuers
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
