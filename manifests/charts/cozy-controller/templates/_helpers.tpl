{{- define "cozy-controller.labels" -}}
app.kubernetes.io/name: cozy-controller
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "cozy-controller.selector" -}}
app.kubernetes.io/name: cozy-controller
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
