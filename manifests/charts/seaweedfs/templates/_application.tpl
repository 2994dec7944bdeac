{{- /*
Labels that say whose an object is. Flux sets them on what the chart makes; what is made of that gets them here. The same text in
each chart that needs them, as a chart can't take a template from another without holding it.
*/ -}}
{{- define "application" -}}
{{- $application := (.Values._tenant | default dict).application | default dict -}}
apps.cozystack.io/application.group: apps.cozystack.io
apps.cozystack.io/application.kind: {{ $application.kind | default .Chart.Name }}
apps.cozystack.io/application.name: {{ $application.name | default .Release.Name | quote }}
{{- end -}}
