{{/*
The annotation that names a Service's load balancer to robotlb (0.0.6, lb.rs), which else takes the name of the Service: it would be
one and the same in all tenants. Hetzner's names are taken to be as long as a DNS label; longer ones end with a part of their hash.
*/}}
{{- define "balancer" -}}
{{- $name := printf "%s-%s" (index . 0).Release.Namespace (index . 1) -}}
{{- if gt (len $name) 63 }}{{ $name = printf "%s-%s" (trunc 52 $name) (trunc 10 (sha256sum $name)) }}{{ end -}}
robotlb/balancer: {{ $name }}
{{- end -}}
