{{- define "kubevirt.labels" -}}
app.kubernetes.io/name: kubevirt
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
