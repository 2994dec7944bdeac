{{- define "kubevirt-cdi.labels" -}}
app.kubernetes.io/name: kubevirt-cdi
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
