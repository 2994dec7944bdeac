// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// serviceObjects calls each with the objects of every cluster service.
func serviceObjects(t *testing.T, each func(chart string, object map[string]any)) {
	t.Helper()
	for _, one := range definitions(t) {
		for _, r := range applicationRenderings() {
			if one.Spec.Service == "" || r.chart != one.Spec.Release.Chart.Name {
				continue
			}
			for _, object := range objects(t, render(t, r)) {
				each(r.chart, object)
			}
		}
	}
}

// TestServicesMayMakeWhatTheirChartsHold, those without a namespace too: the account of a tenant's cluster services has the role
// tenant-services in its namespace, and tenant-services-cluster everywhere.
func TestServicesMayMakeWhatTheirChartsHold(t *testing.T) {
	inside := rightsOf(t, "tenant-services")
	everywhere := rightsIn(named(t, render(t, rendering{"", "tenant-applications", "cozy-system", nil}), "ClusterRole", "tenant-services-cluster"))
	var outside []string
	serviceObjects(t, func(chart string, object map[string]any) {
		kind := object["kind"].(string)
		resource, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(object["apiVersion"].(string), kind))
		held := inside
		if slices.Contains([]string{"DataStore", "IngressClass", "ClusterRoleBinding"}, kind) {
			held, outside = everywhere, append(outside, kind)
		}
		for _, verb := range []string{"get", "create", "patch", "delete"} {
			require.Contains(t, held, right(verb, resource.Resource, resource.Group), "chart %s", chart)
		}
	})
	require.Subset(t, outside, []string{"DataStore", "IngressClass", "ClusterRoleBinding"}, "there is one of each: nothing else was asked of the role")
}

// TestRolesOfServicesAreWithinTheirRights: the API server lets an account make no role that holds more than it does.
func TestRolesOfServicesAreWithinTheirRights(t *testing.T) {
	held, roles := rightsOf(t, "tenant-services"), 0
	serviceObjects(t, func(chart string, object map[string]any) {
		if object["kind"] != "Role" {
			return
		}
		roles++
		for _, one := range rightsIn(object) {
			require.Contains(t, held, one, "chart %s", chart)
		}
	})
	require.NotZero(t, roles)
}
