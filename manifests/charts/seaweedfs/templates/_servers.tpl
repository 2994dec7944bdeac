{{- /*
Servers that store objects. Takes a list of the root context, the part, and {replicas, size, storageClass, diskType, dataCenter,
nodeSelector}. The last three may be missing: a server without a type is of hdd, as SeaweedFS has it, and one without a data center is
in one for all such.
*/ -}}
{{- define "seaweedfs.servers" -}}
{{- $root := index . 0 }}
{{- $part := index . 1 }}
{{- $servers := index . 2 }}
{{ include "seaweedfs.headless" (list $root $part 8080) }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: seaweedfs-{{ $part }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "seaweedfs.labels" $root | nindent 4 }}
spec:
  serviceName: seaweedfs-{{ $part }}
  replicas: {{ $servers.replicas }}
  # They need each other to become ready.
  podManagementPolicy: Parallel
  selector:
    matchLabels:
      {{- include "seaweedfs.selector" (list $root $part) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "seaweedfs.selector" (list $root $part) | nindent 8 }}
    spec:
      {{- include "seaweedfs.pod" (list $root $part) | nindent 6 }}
      {{- with $servers.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: volume
          {{- include "seaweedfs.container" (list $root $root.Values.resources) | nindent 10 }}
          command: [/usr/bin/weed]
          args:
            - -logtostderr=true
            - volume
            - -ip=$(POD_NAME).seaweedfs-{{ $part }}.{{ $root.Release.Namespace }}
            - -ip.bind=0.0.0.0
            - -port=8080
            - -dir=/data
            {{- with $servers.diskType }}
            - -disk={{ . }}
            {{- end }}
            {{- with $servers.dataCenter }}
            - -dataCenter={{ . }}
            {{- end }}
            # As many files as there is room for.
            - -max=0
            - -minFreeSpacePercent=5
            - -master={{ include "seaweedfs.masters" $root }}
            - -metricsPort=9327
          ports:
            - {name: http, containerPort: 8080, protocol: TCP}
            - {name: grpc, containerPort: 18080, protocol: TCP}
            - {name: metrics, containerPort: 9327, protocol: TCP}
          readinessProbe:
            httpGet: {path: /healthz, port: http}
            initialDelaySeconds: 5
            periodSeconds: 10
            timeoutSeconds: 5
          livenessProbe:
            tcpSocket: {port: http}
            initialDelaySeconds: 30
            periodSeconds: 20
            failureThreshold: 5
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: tmp, mountPath: /tmp}
      volumes:
        - name: tmp
          emptyDir: {}
  {{- include "seaweedfs.claims" (list $root $servers.size $servers.storageClass) | nindent 2 }}
---
{{ include "seaweedfs.disruption" (list $root $part) }}
{{- end -}}
