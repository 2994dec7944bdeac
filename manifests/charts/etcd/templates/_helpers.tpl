{{- define "etcd.labels" -}}
app.kubernetes.io/name: etcd
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /*
How many bytes the database may fill, in etcd's --quota-backend-bytes: 95 % of the volume, as the log needs some too; 8 GiB is
the most that etcd recommends.
*/ -}}
{{- define "etcd.quota" -}}
{{- $mebibytes := ternary (mul (trimSuffix "Gi" .Values.size | int64) 1024) (trimSuffix "Mi" .Values.size | int64) (hasSuffix "Gi" .Values.size) -}}
{{- min (div (mul $mebibytes 1048576 95) 100) 8589934592 -}}
{{- end -}}
