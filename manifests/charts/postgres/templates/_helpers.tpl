{{- define "postgres.labels" -}}
app.kubernetes.io/name: postgres
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/*
The newest minor version of each major one when this chart was made. "standard" has locales and no tools for backups: the
plugin has those.
*/}}
{{- define "postgres.image" -}}
{{- $images := dict
  "14" "ghcr.io/cloudnative-pg/postgresql:14.24-standard-trixie"
  "15" "ghcr.io/cloudnative-pg/postgresql:15.19-standard-trixie"
  "16" "ghcr.io/cloudnative-pg/postgresql:16.15-standard-trixie"
  "17" "ghcr.io/cloudnative-pg/postgresql:17.11-standard-trixie"
  "18" "ghcr.io/cloudnative-pg/postgresql:18.6-standard-trixie" -}}
{{- get $images (toString .Values.version) -}}
{{- end -}}

{{/* What operators make for the database has these too: policies of the network and scrapers go by them. */}}
{{- define "postgres.inherited" -}}
app.kubernetes.io/name: postgres
app.kubernetes.io/instance: {{ .Release.Name }}
{{- with (.Values._tenant).application }}
apps.cozystack.io/application.group: apps.cozystack.io
apps.cozystack.io/application.kind: {{ .kind }}
apps.cozystack.io/application.name: {{ .name | quote }}
{{- end }}
# Each instance asks the API server for what its Cluster says.
policy.cozystack.io/allow-to-apiserver: "true"
{{- end -}}

{{/* What an instance may use: what the user says, else what the preset has. */}}
{{- define "postgres.resources" -}}
{{- $presets := dict
  "nano" (list "100m" "128Mi") "micro" (list "250m" "256Mi") "small" (list "500m" "512Mi") "medium" (list "500m" "1Gi")
  "large" (list "1" "2Gi") "xlarge" (list "2" "4Gi") "2xlarge" (list "4" "8Gi") -}}
{{- $preset := get $presets .Values.resourcesPreset -}}
{{- $cpu := .Values.resources.cpu | default (first $preset) -}}
{{- $memory := .Values.resources.memory | default (last $preset) -}}
{{- include "resources" (list . (dict "cpu" $cpu "memory" $memory)) -}}
{{- end -}}

{{/* The name of the database in the tenant's host. Empty: the tenant has none. */}}
{{- define "postgres.host" -}}
{{- with (.Values._tenant).host }}{{ $.Release.Name }}.{{ . }}{{ end -}}
{{- end -}}

{{/* Where a Service of the database is for its clients in the cluster. */}}
{{- define "postgres.service" -}}
{{- $root := index . 0 -}}
{{ $root.Release.Name }}-{{ index . 1 }}.{{ $root.Release.Namespace }}.svc.{{ ($root.Values._tenant).clusterDomain | default "cluster.local" }}
{{- end -}}

{{/* A dot separates: no name of a release has one, so no other release's objects are called like this. */}}
{{- define "postgres.userSecret" -}}
{{ .release }}.user.{{ .name | replace "_" "-" }}
{{- end -}}

{{/* The one that is there, or a new one. Helm that does not talk to a cluster always makes a new one. */}}
{{- define "postgres.password" -}}
{{- $there := lookup "v1" "Secret" .namespace (include "postgres.userSecret" .) -}}
{{- if and $there $there.data (get $there.data "password") -}}
{{- get $there.data "password" | b64dec -}}
{{- else -}}
{{- randAlphaNum 32 -}}
{{- end -}}
{{- end -}}

{{/* Where the files of this database's backups are, below the destination. */}}
{{- define "postgres.server" -}}
{{ .Values.backup.server | default .Release.Name }}
{{- end -}}

{{- define "postgres.backupSecret" -}}
{{ .Values.backup.secret | default (printf "%s-backup" .Release.Name) }}
{{- end -}}
