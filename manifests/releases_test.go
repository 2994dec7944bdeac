// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// right is a verb on a resource of a group: "create pods.", "get clusters.postgresql.cnpg.io".
func right(verb, resource, group any) string {
	return verb.(string) + " " + resource.(string) + "." + group.(string)
}

// rightsIn are those that the rules of a role give to all objects.
func rightsIn(role map[string]any) []string {
	var out []string
	rules, _ := role["rules"].([]any)
	for _, rule := range rules {
		rule := rule.(map[string]any)
		if rule["resourceNames"] != nil {
			continue
		}
		for _, group := range rule["apiGroups"].([]any) {
			for _, resource := range rule["resources"].([]any) {
				for _, verb := range rule["verbs"].([]any) {
					out = append(out, right(verb, resource, group))
				}
			}
		}
	}
	return out
}

// releaseRights are those of the account as which Flux releases applications, of every part of its role.
func releaseRights(t *testing.T) []string {
	t.Helper()
	return rightsOf(t, "tenant-releases")
}

// rightsOf are those of the parts that our charts of tenants add to a role.
func rightsOf(t *testing.T, role string) []string {
	t.Helper()
	var out []string
	for _, chart := range []string{"tenant-roles", "tenant-applications"} {
		for _, object := range objects(t, render(t, rendering{"", chart, "cozy-system", nil})) {
			labels, _ := object["metadata"].(map[string]any)["labels"].(map[string]any)
			if labels["rbac.cozystack.io/aggregate-to-"+role] == "true" {
				out = append(out, rightsIn(object)...)
			}
		}
	}
	require.NotEmpty(t, out)
	return out
}

// released calls each with the objects of every application that is no cluster service: those have an account of their own.
func released(t *testing.T, each func(chart string, object map[string]any)) {
	t.Helper()
	for _, one := range definitions(t) {
		if one.Spec.Service != "" {
			continue
		}
		for _, r := range applicationRenderings() {
			if r.chart != one.Spec.Release.Chart.Name {
				continue
			}
			for _, object := range objects(t, render(t, r)) {
				each(r.chart, object)
			}
		}
	}
}

// TestTheControllerMayDeleteWhatIsLeftBehind, and no more at once.
func TestTheControllerMayDeleteWhatIsLeftBehind(t *testing.T) {
	var needed, held []string
	for _, one := range definitions(t) {
		for _, left := range one.Spec.Leftovers {
			resource, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(left.APIVersion, left.Kind))
			needed = append(needed, right("deletecollection", resource.Resource, resource.Group))
		}
	}
	for _, one := range rightsOf(t, "cozy-controller") {
		if strings.HasPrefix(one, "deletecollection ") {
			held = append(held, one)
		}
	}
	require.NotEmpty(t, needed)
	require.ElementsMatch(t, needed, held)
}

func TestReleasesMayMakeWhatTheirChartsHold(t *testing.T) {
	held, plurals := releaseRights(t), strings.NewReplacer("ys\n", "ies\n", "ss\n", "sses\n", "\n", "")
	released(t, func(chart string, object map[string]any) {
		group, _, isGroup := strings.Cut(object["apiVersion"].(string), "/")
		if !isGroup {
			group = ""
		}
		resource := plurals.Replace(strings.ToLower(object["kind"].(string)) + "s\n")
		for _, verb := range []string{"get", "create", "patch", "delete"} {
			require.Contains(t, held, right(verb, resource, group), chart)
		}
	})
}

// TestRolesOfApplicationsAreWithinTheRightsOfReleases: the API server lets an account make no role that holds more than it does.
func TestRolesOfApplicationsAreWithinTheRightsOfReleases(t *testing.T) {
	held := releaseRights(t)
	released(t, func(chart string, object map[string]any) {
		require.NotContains(t, []any{"ClusterRole", "ClusterRoleBinding"}, object["kind"], "%s: the account is one of a namespace", chart)
		if object["kind"] != "Role" {
			return
		}
		for _, one := range rightsIn(object) {
			require.True(t, slices.Contains(held, one), "%s: a role gives %q, which the account has not", chart, one)
		}
	})
}
