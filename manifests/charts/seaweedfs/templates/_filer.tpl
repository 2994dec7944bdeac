{{- /*
A server that knows the names of objects. Takes a list of the root context and the part, filer or filer-zones. With topology MultiZone
the names are in Postgres (names.yaml); the filer itself reads where they are from a file, as no flag says it.
*/ -}}
{{- define "seaweedfs.filer" -}}
{{- $root := index . 0 }}
{{- $part := index . 1 }}
{{- $isZoned := eq $root.Values.topology "MultiZone" }}
metadata:
  labels:
    {{- include "seaweedfs.selector" . | nindent 4 }}
spec:
  {{- include "seaweedfs.pod" . | nindent 2 }}
  initContainers:
    {{- if $isZoned }}
    {{- include "seaweedfs.names" . | nindent 4 }}
    {{- else }}
    {{- include "seaweedfs.namesHere" $root | nindent 4 }}
    {{- end }}
  containers:
    - name: filer
      {{- include "seaweedfs.container" (list $root $root.Values.resources) | nindent 6 }}
      {{- if $isZoned }}
        {{- include "seaweedfs.password" "WEED_POSTGRES_PASSWORD" | nindent 8 }}
      {{- end }}
      command: [/usr/bin/weed]
      # Without a file that says otherwise, names are in a database of its own, in the directory it works in.
      args:
        - -logtostderr=true
        - filer
        - -ip=$(POD_NAME).seaweedfs-{{ $part }}.{{ $root.Release.Namespace }}
        - -ip.bind=0.0.0.0
        - -port=8888
        - -master={{ include "seaweedfs.masters" $root }}
        - -defaultReplicaPlacement={{ include "seaweedfs.replication" $root }}
        - -disableDirListing
        - -defaultStoreDir=/data
        - -metricsPort=9327
      ports:
        - {name: http, containerPort: 8888, protocol: TCP}
        - {name: grpc, containerPort: 18888, protocol: TCP}
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
        {{- if $isZoned }}
        - {name: names, mountPath: /etc/seaweedfs, readOnly: true}
        - {name: authority, mountPath: /etc/postgres, readOnly: true}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- if $isZoned }}
    - name: names
      configMap:
        name: seaweedfs-names
    - name: authority
      secret:
        secretName: seaweedfs-ca
        # Its key is beside it, and nobody's here.
        items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
    {{- if ne $part "filer" }}
    - name: data
      emptyDir: {}
    {{- end }}
{{- end -}}
