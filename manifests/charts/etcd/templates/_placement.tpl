{{- /*
The nodes that the tenant's scheduling class leaves its pods: those that bear its label. Empty: the tenant has no class. A requirement
of affinity, and no selector or toleration, since every kind that makes pods takes it. The same text in each chart that needs it, as
a chart can't take a template from another without holding it.
*/ -}}
{{- define "placement" -}}
{{- with (.Values._tenant | default dict).schedulingClass -}}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - key: scheduler.cozystack.io/scheduling-class
              operator: In
              values: [{{ . | quote }}]
{{- end -}}
{{- end -}}
