{{- /*
What nodes are, and how they join. A template never changes: Cluster API replaces nodes when another one is named, so its name
has a hash of what is in it, comments left out. Both take a dict of the root context and the group.
*/ -}}
{{- define "kubernetes.machine" -}}
{{- $root := .root }}
{{- $group := .group }}
{{- $version := include "kubernetes.version" $root | fromYaml -}}
virtualMachineBootstrapCheck:
  # A node is there when it is in the cluster; nobody logs in to look.
  checkStrategy: none
virtualMachineTemplate:
  metadata:
    namespace: {{ $root.Release.Namespace }}
  spec:
    runStrategy: Always
    {{- if $group.instanceType }}
    instancetype:
      kind: VirtualMachineClusterInstancetype
      name: {{ $group.instanceType | quote }}
    {{- end }}
    dataVolumeTemplates:
      # Images and what pods write. Cluster API puts the machine's name before it.
      - metadata:
          name: data
        spec:
          source:
            blank: {}
          storage:
            resources:
              requests:
                storage: {{ $group.diskSize | default "20Gi" }}
            {{- with $group.storageClass }}
            storageClassName: {{ . | quote }}
            {{- end }}
    template:
      metadata:
        annotations:
          kubevirt.io/allow-pod-bridge-network-live-migration: "true"
        labels:
          {{- include "kubernetes.part" (list $root "node") | nindent 10 }}
          {{- with ($root.Values._tenant).application }}
          apps.cozystack.io/application.group: apps.cozystack.io
          apps.cozystack.io/application.kind: {{ .kind }}
          apps.cozystack.io/application.name: {{ .name | quote }}
          {{- end }}
          # Load balancers of the cluster lead here.
          policy.cozystack.io/expose: "true"
      spec:
        # Cluster API drains the node before its machine is moved or stopped.
        evictionStrategy: External
        {{- with include "placement" $root }}
        {{- . | nindent 8 }}
        {{- end }}
        domain:
          {{- with $group.resources }}
          cpu:
            cores: {{ .cpus }}
            sockets: 1
            threads: 1
          memory:
            guest: {{ .memory }}
          {{- end }}
          devices:
            {{- with $group.gpus }}
            gpus:
              {{- range $i, $gpu := . }}
              - name: gpu{{ $i }}
                deviceName: {{ $gpu.name }}
              {{- end }}
            {{- end }}
            disks:
              - name: system
                disk:
                  bus: virtio
              - name: data
                disk:
                  bus: virtio
            # Nodes have the addresses of their pods, else all would have the same one.
            interfaces:
              - name: default
                bridge: {}
        networks:
          - name: default
            pod: {}
        volumes:
          - name: system
            containerDisk:
              image: {{ $version.disk }}
          - name: data
            dataVolume:
              name: data
{{- end -}}

{{- define "kubernetes.bootstrap" -}}
{{- $root := .root }}
{{- $group := .group -}}
# What is written to the system's disk is gone when the machine stops, and takes room from the platform's node.
diskSetup:
  filesystems:
    - device: /dev/vdb
      filesystem: ext4
      label: data
      partition: none
      overwrite: false
mounts:
  - [LABEL=data, /data]
  - [/data/kubelet, /var/lib/kubelet, none, "bind,nofail"]
  - [/data/containerd, /var/lib/containerd, none, "bind,nofail"]
preKubeadmCommands:
  - systemctl stop containerd.service
  - mkdir -p /data/kubelet /data/containerd /var/lib/kubelet /var/lib/containerd
  - mountpoint -q /var/lib/kubelet || mount -o bind /data/kubelet /var/lib/kubelet
  - mountpoint -q /var/lib/containerd || mount -o bind /data/containerd /var/lib/containerd
  - systemctl start containerd.service
joinConfiguration:
  discovery:
    bootstrapToken:
      apiServerEndpoint: {{ include "kubernetes.service" $root }}:6443
  nodeRegistration:
    kubeletExtraArgs:
      # Without them, pods take what the node itself needs, and it goes away under load.
      system-reserved: cpu=100m,memory=256Mi
      kube-reserved: cpu=100m,memory=256Mi
      {{- if $group.gpus }}
      node-labels: cozystack.io/gpu=true
      {{- end }}
{{- end -}}
