{{- define "tenant-applications.labels" -}}
app.kubernetes.io/name: tenant-applications
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /*
What the levels may do with the objects of a kind of application: see chart tenant-roles. Takes a list of the root context and
the plural.
*/ -}}
{{- define "tenant-applications.levels" -}}
{{- $root := index . 0 }}
{{- $plural := index . 1 }}
{{- include "tenant-applications.readers" . }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: tenant-admin-{{ $plural }}
  labels:
    {{- include "tenant-applications.labels" $root | nindent 4 }}
    rbac.cozystack.io/aggregate-to-tenant-admin: "true"
rules:
  - apiGroups: [apps.cozystack.io]
    resources: [{{ $plural }}]
    verbs: [create, update, patch, delete, deletecollection]
{{- end -}}

{{- /* The same of a cluster service: its object comes and goes with the tenant's flag, and is for super-admins to edit. */ -}}
{{- define "tenant-applications.serviceLevels" -}}
{{- $root := index . 0 }}
{{- $plural := index . 1 }}
{{- include "tenant-applications.readers" . }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: tenant-super-admin-{{ $plural }}
  labels:
    {{- include "tenant-applications.labels" $root | nindent 4 }}
    rbac.cozystack.io/aggregate-to-tenant-super-admin: "true"
rules:
  - apiGroups: [apps.cozystack.io]
    resources: [{{ $plural }}]
    verbs: [update, patch]
{{- end -}}

{{- define "tenant-applications.readers" -}}
{{- $root := index . 0 }}
{{- $plural := index . 1 -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: tenant-view-{{ $plural }}
  labels:
    {{- include "tenant-applications.labels" $root | nindent 4 }}
    rbac.cozystack.io/aggregate-to-tenant-view: "true"
rules:
  - apiGroups: [apps.cozystack.io]
    resources: [{{ $plural }}]
    verbs: [get, list, watch]
{{- end -}}
