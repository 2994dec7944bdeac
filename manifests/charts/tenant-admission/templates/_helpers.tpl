{{- /* The field of the first bound in a variable of a policy, in CEL. A key that is no plain word stands in brackets. */ -}}
{{- define "tenant-admission.quota.field" -}}
'spec.resourceQuotas' + (variables.{{ . }}[0].matches('[./]') ? '[' + variables.{{ . }}[0] + ']' : '.' + variables.{{ . }}[0])
{{- end -}}

{{- /* The same with its value, as a message begins. */ -}}
{{- define "tenant-admission.quota" -}}
{{ include "tenant-admission.quota.field" . }} + ': "' + (variables.{{ . }}[0] in variables.wanted ? string(variables.wanted[variables.{{ . }}[0]]) : '') + '": '
{{- end -}}
