{{- define "objectstorage-controller.labels" -}}
{{ include "objectstorage-controller.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "objectstorage-controller.selector" -}}
app.kubernetes.io/name: objectstorage-controller
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
