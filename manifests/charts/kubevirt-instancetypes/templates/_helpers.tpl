{{- define "kubevirt-instancetypes.labels" -}}
app.kubernetes.io/name: kubevirt-instancetypes
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
