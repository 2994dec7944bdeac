{{- /*
ClusterIssuer of certificates for the tenant's hosts: what the user says, else the platform's; empty where none are ordered. Takes a
list of the root context and what the user says. The same text in each chart that needs it, as a chart can't take a template from
another without holding it.
*/ -}}
{{- define "issuer" -}}
{{- $said := index . 1 -}}
{{- if ne $said "none" -}}
{{- $said | default ((index . 0).Values._tenant | default dict).issuer | default "" -}}
{{- end -}}
{{- end -}}
