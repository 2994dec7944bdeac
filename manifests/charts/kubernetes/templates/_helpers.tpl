{{- define "kubernetes.labels" -}}
app.kubernetes.io/name: kubernetes
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* Labels of the pods of one part; they select them too. Takes a list of the root context and the part. */}}
{{- define "kubernetes.part" -}}
app.kubernetes.io/name: kubernetes
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/*
What a release of Kubernetes takes: its exact version, the disk that nodes boot from, which has that version of kubelet and
kubeadm, and the autoscaler of it.
*/}}
{{- define "kubernetes.versions" -}}
"1.32":
  kubernetes: v1.32.1
  disk: quay.io/capk/ubuntu-2404-container-disk:v1.32.1
  autoscaler: registry.k8s.io/autoscaling/cluster-autoscaler:v1.32.7
"1.33":
  kubernetes: v1.33.5
  disk: quay.io/capk/ubuntu-2404-container-disk:v1.33.5
  autoscaler: registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.5
"1.34":
  kubernetes: v1.34.1
  disk: quay.io/capk/ubuntu-2404-container-disk:v1.34.1
  autoscaler: registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.3
{{- end -}}

{{- define "kubernetes.version" -}}
{{- toYaml (get (include "kubernetes.versions" . | fromYaml) .Values.version) -}}
{{- end -}}

{{/* The name of the API in the tenant's host. */}}
{{- define "kubernetes.host" -}}
{{ .Release.Name }}.{{ required "_tenant.host: the tenant has no host, so the API would have no name" (.Values._tenant).host }}
{{- end -}}

{{/* Where the API is for nodes and for what runs beside the control plane. */}}
{{- define "kubernetes.service" -}}
{{ .Release.Name }}.{{ .Release.Namespace }}.svc.{{ (.Values._tenant).clusterDomain | default "cluster.local" }}
{{- end -}}

{{/* Container of a program that reads both APIs and writes nowhere. */}}
{{- define "kubernetes.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "kubernetes.unprivileged" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What a small controller may use. */}}
{{- define "kubernetes.small" -}}
limits: {cpu: 250m, memory: 256Mi}
requests: {cpu: 10m, memory: 64Mi}
{{- end -}}

{{/* Kamaji makes this Secret when the control plane is there; until then the pods wait for it. */}}
{{- define "kubernetes.kubeconfig" -}}
- name: kubeconfig
  secret:
    secretName: {{ .Release.Name }}-admin-kubeconfig
    items:
      # By the Service: the name in the tenant's host may not be known to the cluster's DNS.
      - {key: super-admin.svc, path: kubeconfig}
{{- end -}}

{{/* Not empty where the agent of the tenant's monitoring takes up what stands in the tenant's namespace. */}}
{{- define "kubernetes.isMonitored" -}}
{{- if and ((.Values._tenant).services).monitoring (.Capabilities.APIVersions.Has "operator.victoriametrics.com/v1beta1/VMPodScrape") }}yes{{ end }}
{{- end -}}

{{/*
Classes of volumes that the cluster has, as JSON: those of the values, the default one first, and then those that it had before. Cluster
API takes nothing away, so these have to be told that they are not the default one any more. "default" is the platform's default.
*/}}
{{- define "kubernetes.classes" -}}
{{- $there := lookup "v1" "ConfigMap" .Release.Namespace (printf "addons-%s-csi" .Release.Name) | default dict -}}
{{- $before := ($there.metadata | default dict).annotations | default dict -}}
{{- concat (default (list "default") .Values.storageClasses) (splitList "," (get $before "cozystack.io/storage-classes")) | uniq | compact | toJson -}}
{{- end -}}
