// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/manifests"
)

// depot is a chart as a platform's operator might bring it: settings in a ConfigMap, a password for users, and a resource of
// an operator, whose status says whether it works. Nobody plays that operator but the test.
func depot() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

	return fstest.MapFS{
		"depot/Chart.yaml":  file("apiVersion: v2\nname: depot\nversion: 1.2.3\n"),
		"depot/values.yaml": file("size: 1\noptions: {fast: true}\n"),
		"depot/templates/all.yaml": file(`
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  host: {{ .Release.Name }}.{{ .Values._tenant.host }}
  etcd: {{ .Values._tenant.services.etcd | quote }}
  size: {{ .Values.size | quote }}
  options: {{ .Values.options | toJson | quote }}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-password
stringData:
  password: secret
---
apiVersion: lab.example.org/v1
kind: Shelf
metadata:
  name: {{ .Release.Name }}
`),
	}
}

const depotSchema = `{"type": "object", "properties": {
	"size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
	"label": {"type": "string"},
	"options": {"type": "object", "properties": {"fast": {"type": "boolean"}, "safe": {"type": "boolean"}}}
}}`

// shelves is the kind of the operator that nobody plays.
const shelves = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shelves.lab.example.org}
spec:
  group: lab.example.org
  scope: Namespaced
  names: {kind: Shelf, listKind: ShelfList, plural: shelves, singular: shelf}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, properties: {status: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
`

// parts are what the operator's package brings: what releases may make, what the controller may look at.
const parts = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: shelves-of-releases, labels: {rbac.cozystack.io/aggregate-to-tenant-releases: "true", rbac.cozystack.io/aggregate-to-tenant-services: "true"}}
rules: [{apiGroups: [lab.example.org], resources: [shelves], verbs: [get, list, watch, create, update, patch, delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: shelves-of-controller, labels: {rbac.cozystack.io/aggregate-to-cozy-controller: "true"}}
rules: [{apiGroups: [lab.example.org], resources: [shelves], verbs: [list, watch]}]
`

// depots is the definition, of a chart from elsewhere.
func depots(version string) string {
	return `
apiVersion: cozystack.io/v1alpha1
kind: ApplicationDefinition
metadata: {name: depot}
spec:
  application: {kind: Depot, singular: depot, plural: depots, openAPISchema: '` + depotSchema + `'}
  requires: [shelves.lab.example.org]
  credentials: [{secret: "{release}-password", description: "password of {name}"}]
  release:
    prefix: depot-
    chart: {name: depot, version: "` + version + `", sourceRef: {name: elsewhere, namespace: cozy-system}}
    healthCheckExprs:
      - {apiVersion: lab.example.org/v1, kind: Shelf, current: "status.phase == 'Ready'", failed: "status.phase == 'Broken'"}
`
}

// serveDepot lets Flux have the chart, and returns its version.
func (w *world) serveDepot(t *testing.T) string {
	t.Helper()

	repository, err := manifests.NewRepository(depot())
	require.NoError(t, err)

	server := httptest.NewServer(repository)
	t.Cleanup(server.Close)
	require.NoError(t, w.plane.RouteHost("charts.example.org:8879", server.Listener.Addr().String()))
	w.applyYAML(t, `
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: elsewhere, namespace: cozy-system}
spec: {url: "http://charts.example.org:8879", interval: 1h}
`)

	version, err := repository.Version("depot")
	require.NoError(t, err)

	return version
}

// applyYAML applies one document as the cluster's administrator.
func (w *world) applyYAML(t *testing.T, text string) {
	t.Helper()

	object := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &object.Object))
	require.NoError(t, w.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("test"), client.ForceOwnership))
}

// find is nil where there is no such object, or no such kind.
func (w *world) find(t *testing.T, apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()

	found := &unstructured.Unstructured{}
	found.SetAPIVersion(apiVersion)
	found.SetKind(kind)

	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	}

	require.NoError(t, err, "%s %s", kind, name)

	return found
}

func (w *world) depotNamed(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()

	return w.find(t, "apps.cozystack.io/v1alpha1", "Depot", "tenant-alpha", name)
}

// conditionOf is the reason and the message of a condition that was found for the present spec.
func conditionOf(object *unstructured.Unstructured, kind string) (reason, message string) {
	if object == nil {
		return "", "it is not there"
	}

	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, raw := range conditions {
		condition, _ := raw.(map[string]any)
		if condition["type"] == kind && condition["observedGeneration"] == object.GetGeneration() {
			reason, _ = condition["reason"].(string)
			message, _ = condition["message"].(string)
		}
	}

	return reason, message
}

// awaitDepot waits until an application says so of its present spec, and returns the message.
func (w *world) awaitDepot(t *testing.T, name, reason string) (message string) {
	t.Helper()

	var found string

	w.awaitFor(t, 2*patience, func() bool {
		found, message = conditionOf(w.depotNamed(t, name), "Ready")

		return found == reason
	}, func() string { return name + ": " + found + ", not " + reason + ": " + message })

	return message
}

func (w *world) awaitFor(t *testing.T, patience time.Duration, holds func() bool, complaint func() string) {
	t.Helper()

	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal(complaint())
		}

		time.Sleep(50 * time.Millisecond)
	}
}
