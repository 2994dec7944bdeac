{{- /* The field of the first bound in a variable of a policy, in CEL. A key that is no plain word stands in brackets. */ -}}
{{- define "tenant-admission.quota.field" -}}
'spec.resourceQuotas' + (variables.{{ . }}[0].matches('[./]') ? '[' + variables.{{ . }}[0] + ']' : '.' + variables.{{ . }}[0])
{{- end -}}

{{- /* The same with its value, as a message begins. */ -}}
{{- define "tenant-admission.quota" -}}
{{ include "tenant-admission.quota.field" . }} + ': "' + (variables.{{ . }}[0] in variables.wanted ? string(variables.wanted[variables.{{ . }}[0]]) : '') + '": '
{{- end -}}

{{- /* The bound that stands for the name of something that a quota bounds, in CEL: the one called so, or the one whose requests or limits it is. */ -}}
{{- define "tenant-admission.quota.key" -}}
(name in variables.wanted ? name : name.startsWith('limits.') ? name.substring(7) : name.startsWith('requests.') ? name.substring(9) : name)
{{- end -}}
