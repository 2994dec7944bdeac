{{- define "monitoring.labels" -}}
app.kubernetes.io/name: monitoring
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /* Takes a list of the root context and the size. */ -}}
{{- define "monitoring.volume" -}}
volumeClaimTemplate:
  metadata:
    labels:
      {{- include "application" (index . 0) | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with (index . 0).Values.storageClass }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests:
        storage: {{ index . 1 }}
{{- end -}}

{{- /* What is stored is on two pods, where there are two. */ -}}
{{- define "monitoring.copies" -}}
{{ min 2 (int .Values.replicas) }}
{{- end -}}

{{- /* Namespaces of the tenants that resolve to this monitoring. */ -}}
{{- define "monitoring.namespaces" -}}
matchLabels:
  namespace.cozystack.io/monitoring: {{ .Release.Namespace }}
{{- end -}}
