// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestWhatServicesLeaveBehindCanBeTakenAway: the controller deletes it when the loss of its data is accepted, and nobody else may.
// Secrets stay, as the controller has no rights on any.
func TestWhatServicesLeaveBehindCanBeTakenAway(t *testing.T) {
	var held, left []string
	for _, object := range objects(t, render(t, applicationRenderings()[0])) {
		if at(object, "metadata", "labels", "rbac.cozystack.io/aggregate-to-cozy-controller") == "true" {
			held = append(held, rightsIn(object)...)
		}
	}
	serviceObjects(t, func(chart string, object map[string]any) {
		kind := object["kind"].(string)
		if at(object, "metadata", "annotations", "helm.sh/resource-policy") != "keep" || kind == "Secret" {
			return
		}
		if !slices.Contains(left, kind) {
			left = append(left, kind)
		}
		require.NotEqual(t, "Ingress", kind, "chart %s: what is turned off is not published", chart)
		require.Nil(t, at(object, "spec", "ingress"), "chart %s: %s stays, and what it publishes with it", chart, kind)
		resource, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(object["apiVersion"].(string), kind))
		for _, verb := range []string{"get", "delete"} {
			require.Contains(t, held, right(verb, resource.Resource, resource.Group), "chart %s", chart)
		}
	})
	require.ElementsMatch(t, []string{"EtcdCluster", "Cluster", "Grafana"}, left, "tenant/controller knows these")
}

// TestGrafanaIsStartedAgain: the controller stops it by the number of its pods while monitoring is off, and a release that takes
// over what is there changes nothing that it does not say.
func TestGrafanaIsStartedAgain(t *testing.T) {
	manifest := render(t, rendering{"", "monitoring", "tenant-alpha", ordered("monitoring", nil)})
	require.EqualValues(t, 1, at(named(t, manifest, "Grafana", "grafana"), "spec", "deployment", "spec", "replicas"))
}
