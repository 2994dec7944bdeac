{{- /*
What tells the filer of pools: objects of a bucket go to disks of the type that the beginning of its name says. The filer keeps such
rules with its names, S3 keeps some of its own there (lifetimes, of buckets and what is in them), and no file or flag sets them. So
they are set one by one, and only those are taken away that are of the form of pools: a path in /buckets/ that ends with a dash.
The shell of SeaweedFS ends well also where a command failed: what counts is what it lists in the end.
Takes a list of the root context and the rules, each "prefix type".
*/ -}}
{{- define "seaweedfs.rules" -}}
{{- $root := index . 0 -}}
wanted='{{ index . 1 | sortAlpha | join "\n" }}'
shell() {
  weed shell -master={{ include "seaweedfs.masters" $root }} -filer=seaweedfs-filer-0.seaweedfs-filer.{{ $root.Release.Namespace }}:8888
}
there() {
  listed=$(echo fs.configure | shell | tr -d ' \n')
  case $listed in
  *'"locations":'*) ;;
  *) return 1 ;;
  esac
  echo "$listed" | tr '{' '\n' |
    sed -n 's|^.*"locationPrefix":"/buckets/\([a-z0-9-]*-\)".*"diskType":"\([a-z0-9]\{1,\}\)".*$|\1 \2|p' | LC_ALL=C sort
}
until is=$(there) && test "$is" = "$wanted"; do
  {
    echo "$is" | while read -r prefix disk; do
      test -z "$prefix" || echo "$wanted" | grep -qxF "$prefix $disk" || echo "fs.configure -locationPrefix=/buckets/$prefix -delete -apply"
    done
    echo "$wanted" | while read -r prefix disk; do
      test -z "$prefix" || echo "fs.configure -locationPrefix=/buckets/$prefix -disk=$disk -apply"
    done
  } | shell
  sleep 5
done
{{- end -}}

{{- define "seaweedfs.rulesPod" -}}
metadata:
  labels:
    {{- include "seaweedfs.selector" (list . "pools") | nindent 4 }}
spec:
  {{- include "seaweedfs.pod" (list . "pools") | nindent 2 }}
  restartPolicy: OnFailure
  containers:
    - name: pools
      {{- include "seaweedfs.container" (list . (dict "cpu" "200m" "memory" "256Mi")) | nindent 6 }}
      command: [/bin/sh, /etc/seaweedfs-pools/rules.sh]
      volumeMounts:
        - {name: rules, mountPath: /etc/seaweedfs-pools, readOnly: true}
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: rules
      configMap:
        name: seaweedfs-pools
    - name: data
      emptyDir: {}
    - name: tmp
      emptyDir: {}
{{- end -}}
