{{- /*
The type of disks that servers from before the zones have. Nothing new goes there, as nobody asks for a type of this name: else
SeaweedFS would take all of them for one more data center, and a copy there for one in another zone. What they have is read by its
number, whatever the type. No type of a user's has a dash.
*/ -}}
{{- define "seaweedfs.before" -}}
before-{{ . }}
{{- end -}}

{{- /*
Whether there were such servers before the zones: yes, or empty. A StatefulSet goes when storage is turned off, a pool is taken out, or
somebody deletes it, and the volumes with objects stay: so it is their claims that count. The first claim may be away for a moment, as
when a broken disk is replaced; then the StatefulSet tells. Takes a list of the root context and the part.
*/ -}}
{{- define "seaweedfs.wereThere" -}}
{{- $set := printf "seaweedfs-%s" (index . 1) }}
{{- $namespace := (index . 0).Release.Namespace }}
{{- if or (lookup "v1" "PersistentVolumeClaim" $namespace (printf "data-%s-0" $set)) (lookup "apps/v1" "StatefulSet" $namespace $set) -}}
yes
{{- end }}
{{- end -}}

{{- /*
What a zone has, with what is not said of it, as JSON. Two servers, as the schema says, whatever `replicas` is: that counts those from
before the zones, and who stops them must not stop servers here. Takes a list of the root context, its name, and what is said of it.
*/ -}}
{{- define "seaweedfs.zone" -}}
{{- $zone := dict "size" (index . 0).Values.size "storageClass" (index . 0).Values.storageClass "dataCenter" (index . 1) }}
{{- $_ := set $zone "replicas" 2 }}
{{- $_ := set $zone "nodeSelector" (dict "topology.kubernetes.io/zone" (index . 1)) }}
{{- include "seaweedfs.pool" (list $zone (index . 2)) }}
{{- end -}}

{{- /*
What a pool has, as JSON. Takes a list of what is so where the pool does not say it, and of what is said of the pool. No merge: that
takes an empty class for none.
*/ -}}
{{- define "seaweedfs.pool" -}}
{{- $pool := deepCopy (index . 0) }}
{{- range $key, $value := index . 1 }}
{{- $_ := set $pool $key $value }}
{{- end }}
{{- toJson $pool }}
{{- end -}}

{{- /* What a pool has in a zone, as JSON. Takes a list of what the zone has, and of what is said of the pool. */ -}}
{{- define "seaweedfs.poolInZone" -}}
{{- $said := omit (index . 1) "replicas" "zoneReplicas" }}
{{- with (index . 1).zoneReplicas }}
{{- $_ := set $said "replicas" . }}
{{- end }}
{{- include "seaweedfs.pool" (list (index . 0) $said) }}
{{- end -}}

{{- /* What of the zones SeaweedFS or Kubernetes would not take, one a line. The schema of the kind says part of it; that of the chart can't. */ -}}
{{- define "seaweedfs.wrongZones" -}}
{{- $root := . }}
{{- $centers := list }}
{{- range $name, $said := .Values.volume.zones }}
{{- if or (not (regexMatch "^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$" $name)) (contains "--" $name) }}
{{ printf "volume.zones: %q: a name has at most 30 small letters, digits and dashes, no dash at an end, and no two in a row" $name }}
{{- end }}
{{- $centers = append $centers (include "seaweedfs.zone" (list $root $name $said) | fromJson).dataCenter }}
{{- /* Its pods bear the name of their StatefulSet with a hash of ten characters and a dash as a label, of 63 at most. */ -}}
{{- range $pool, $_ := $root.Values.volume.pools }}
{{- if gt (add (len $name) (len $pool)) 35 }}
{{ printf "volume.zones.%s: with pool %s, the names have %d characters, and 35 are the most" $name $pool (add (len $name) (len $pool)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if lt ($centers | uniq | len) (int .Values.copies) }}
{{ printf "volume.zones: %d data centers can't have %d copies of each object, each in another" ($centers | uniq | len) (int .Values.copies) }}
{{- end }}
{{- end -}}
