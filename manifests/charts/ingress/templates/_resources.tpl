{{- /*
Limits as the user says, and requests smaller by the tenant's ratios. Takes a list of the root context and {cpu, memory}. The
same text in each chart of an application, as a chart can't take a template from another without holding it.
*/ -}}
{{- define "resources" -}}
{{- $ratios := ((index . 0).Values._tenant | default dict).ratios | default dict }}
{{- $cpu := (index . 1).cpu }}
{{- $milli := ternary (trimSuffix "m" $cpu | float64) (mulf ($cpu | float64) 1000) (hasSuffix "m" $cpu) }}
{{- $memory := (index . 1).memory }}
{{- $mebibytes := ternary (mul (trimSuffix "Gi" $memory | int64) 1024) (trimSuffix "Mi" $memory | int64) (hasSuffix "Gi" $memory) -}}
limits:
  cpu: {{ $cpu | quote }}
  memory: {{ $memory }}
requests:
  cpu: {{ divf $milli ($ratios.cpu | default 1 | float64) | ceil | int64 }}m
  memory: {{ divf ($mebibytes | float64) ($ratios.memory | default 1 | float64) | ceil | int64 }}Mi
{{- end -}}
