{{- define "ingress.labels" -}}
{{ include "ingress.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "ingress.selector" -}}
app.kubernetes.io/name: ingress
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Objects without a namespace don't tell by it whose they are. */ -}}
{{- define "ingress.clusterLabels" -}}
{{ include "ingress.labels" . }}
apps.cozystack.io/application.namespace: {{ .Release.Namespace }}
{{- end -}}
