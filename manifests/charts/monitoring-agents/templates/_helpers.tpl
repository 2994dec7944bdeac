{{- define "monitoring-agents.labels" -}}
app.kubernetes.io/name: monitoring-agents
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "monitoring-agents.volume" -}}
accessModes: [ReadWriteOnce]
{{- with .Values.storage.storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.storage.size }}
{{- end -}}
