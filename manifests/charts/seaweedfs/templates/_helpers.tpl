{{- define "seaweedfs.labels" -}}
app.kubernetes.io/name: seaweedfs
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /* Takes a list of the root context and the part. */ -}}
{{- define "seaweedfs.selector" -}}
app.kubernetes.io/name: seaweedfs
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "seaweedfs.masters" -}}
{{- $masters := list }}
{{- range $i := until (int .Values.masters) }}
{{- $masters = append $masters (printf "seaweedfs-master-%d.seaweedfs-master.%s:9333" $i $.Release.Namespace) }}
{{- end }}
{{- join "," $masters }}
{{- end -}}

{{- /*
How many more servers have each object: in other data centers, in the first of three digits, or in the same rack, in the last.
*/ -}}
{{- define "seaweedfs.replication" -}}
{{- $more := sub (int .Values.copies) 1 }}
{{- if eq .Values.topology "MultiZone" }}{{ $more }}00{{ else }}00{{ $more }}{{ end }}
{{- end -}}

{{- /* Filers, as S3 is told of them. Where there are zones, there are some beside the one that has a volume. */ -}}
{{- define "seaweedfs.filers" -}}
{{- $filers := list (printf "seaweedfs-filer-0.seaweedfs-filer.%s:8888" .Release.Namespace) }}
{{- if eq .Values.topology "MultiZone" }}
{{- range $i := until (int .Values.filer.replicas) }}
{{- $filers = append $filers (printf "seaweedfs-filer-zones-%d.seaweedfs-filer-zones.%s:8888" $i $.Release.Namespace) }}
{{- end }}
{{- end }}
{{- join "," $filers }}
{{- end -}}

{{- /*
What each container has, and nothing that it must not do. The environment comes last: who has more of it goes on from there. Takes a
list of the root context and what the container may use.
*/ -}}
{{- define "seaweedfs.container" -}}
image: docker.io/chrislusf/seaweedfs:{{ (index . 0).Chart.AppVersion }}
workingDir: /data
resources:
  {{- include "resources" . | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end -}}

{{- define "seaweedfs.pod" -}}
# It asks no API of Kubernetes.
automountServiceAccountToken: false
{{- with include "placement" (index . 0) }}
{{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
topologySpreadConstraints:
  {{- if eq (index . 0).Values.topology "MultiZone" }}
  # No demand: whose volume is in a zone can't leave it, and would be held off where the zones were chosen before.
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "seaweedfs.selector" . | nindent 8 }}
  {{- end }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "seaweedfs.selector" . | nindent 8 }}
{{- end -}}

{{- /* Takes a list of the root context, the size, and the class, empty: the default one. */ -}}
{{- define "seaweedfs.claims" -}}
volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: data
      labels:
        {{- include "application" (index . 0) | nindent 8 }}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with index . 2 }}
      storageClassName: {{ . | quote }}
      {{- end }}
      resources:
        requests:
          storage: {{ index . 1 }}
{{- end -}}

{{- /* A Service that gives each pod of a part a name, ready or not. Takes a list of the root context, the part, and its ports. */ -}}
{{- define "seaweedfs.headless" -}}
apiVersion: v1
kind: Service
metadata:
  name: seaweedfs-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "seaweedfs.labels" (index . 0) | nindent 4 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "seaweedfs.selector" . | nindent 4 }}
  ports:
    - {name: http, port: {{ index . 2 }}, protocol: TCP}
    - {name: grpc, port: {{ add 10000 (index . 2) }}, protocol: TCP}
{{- end -}}

{{- /* Takes a list of the root context and the part. */ -}}
{{- define "seaweedfs.disruption" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: seaweedfs-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "seaweedfs.labels" (index . 0) | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "seaweedfs.selector" . | nindent 6 }}
{{- end -}}
