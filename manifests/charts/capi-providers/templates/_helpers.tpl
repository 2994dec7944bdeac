{{- define "capi-providers.labels" -}}
app.kubernetes.io/name: capi-providers
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The versions of which there are components, by type and name. */}}
{{- define "capi-providers.versions" -}}
core-cluster-api: v1.10.1
bootstrap-kubeadm: v1.10.1
bootstrap-talos: v0.6.12
controlplane-kamaji: v0.19.0
infrastructure-kubevirt: v0.1.10
{{- end -}}

{{/* A provider's spec, of its values and its type and name. The operator wants just one ConfigMap to have these labels. */}}
{{- define "capi-providers.spec" -}}
{{- if .values.fetchURL -}}
version: {{ .values.version }}
fetchConfig:
  url: {{ .values.fetchURL | quote }}
{{- else -}}
{{- $version := get (include "capi-providers.versions" . | fromYaml) .provider -}}
version: {{ $version }}
fetchConfig:
  selector:
    matchLabels:
      cozystack.io/provider: {{ .provider }}
      provider.cluster.x-k8s.io/version: {{ $version }}
{{- end }}
{{- end -}}
