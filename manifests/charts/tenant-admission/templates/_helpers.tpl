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

{{- /* Variables of a policy: the bounds that a tenant asks for, and those that it asked for before. */ -}}
{{- define "tenant-admission.quota.asked" -}}
- name: wanted
  expression: "has(object.spec) && has(object.spec.resourceQuotas) ? object.spec.resourceQuotas : {}"
- name: before
  expression: >-
    request.operation == 'UPDATE' && has(oldObject.spec) && has(oldObject.spec.resourceQuotas) ?
    oldObject.spec.resourceQuotas : {}
{{- end -}}

{{- /* And whether they are held against what the tenant above has, beside the bounds that the tenant was given. */ -}}
{{- define "tenant-admission.quota.held" -}}
- name: isJudged
  expression: >-
    !(object.metadata.name == 'root' && request.namespace == 'tenant-root') &&
    (request.operation == 'CREATE' || variables.wanted != variables.before)
# What it has already is not taken a second time.
- name: holds
  expression: >-
    request.operation == 'UPDATE' && has(oldObject.status) && has(oldObject.status.quota) ? oldObject.status.quota.bounds : {}
{{- end -}}
