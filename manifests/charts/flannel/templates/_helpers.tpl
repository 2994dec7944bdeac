{{- define "flannel.labels" -}}
app.kubernetes.io/name: flannel
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "flannel.selector" -}}
app.kubernetes.io/name: flannel
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
