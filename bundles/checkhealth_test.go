// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	renderedThing      = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}\n"
	renderedDeployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: c, image: i}]}}}\n"
	renderedOthers     = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: x}\n---\n" +
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.org}\n"
)

// TestCustomResourcesAloneNeedConditions is the rule by which nobody forgets them.
func TestCustomResourcesAloneNeedConditions(t *testing.T) {
	named := Health{Conditions: []HealthCondition{{APIVersion: "example.org/v1", Kind: "Thing", Name: "x", Condition: "Ready"}}}
	for name, test := range map[string]struct {
		rendered string
		health   Health
		want     string
	}{
		"none":               {renderedThing, Health{}, "brings only custom resources (Thing) and would be ready before their operator has done anything"},
		"some":               {renderedThing, named, ""},
		"said why":           {renderedThing, Health{WithoutStatus: "it has none"}, ""},
		"with a program":     {renderedThing + "---\n" + renderedDeployment, Health{}, ""},
		"of Kubernetes":      {renderedOthers, Health{}, ""},
		"nothing":            {"", Health{}, ""},
		"of another":         {renderedOthers, named, "health.conditions[0] is about Thing x, which the chart does not render"},
		"a program's excuse": {renderedDeployment, Health{WithoutStatus: "it has none"}, "has health.withoutStatus, which is for packages that run nothing"},
	} {
		objects, err := objectsOf(test.rendered)
		require.NoError(t, err, name)
		found := compareHealth(Package{Health: test.health}, objects)
		if test.want == "" {
			require.Empty(t, found, name)
			continue
		}
		require.Len(t, found, 1, name)
		require.Contains(t, found[0], test.want, name)
	}
}

func TestVerifyHoldsPackagesOfCustomResourcesToIt(t *testing.T) {
	plan := planWith(t, "linstor")
	require.Empty(t, verified(t, NewShelf(charts(t), nil), plan)[0].Problems)
	plan.Packages[0].Health.Conditions = nil
	verdict := verified(t, NewShelf(charts(t), nil), plan)[0]
	require.Equal(t, VerifiedWrong, verdict.State)
	require.Contains(t, verdict.Problems[0], "brings only custom resources (Certificate, ")
}

// planWith is one package of the shipped plans alone.
func planWith(t *testing.T, name string) *Plan {
	t.Helper()
	for _, plan := range shipped(t) {
		for _, p := range plan.Packages {
			if p.Name == name {
				return &Plan{Bundle: plan.Bundle, Packages: []Package{p}}
			}
		}
	}
	t.Fatalf("no bundle has package %s", name)
	return nil
}

// TestEveryConditionOfOursIsAboutSomethingRendered: a kind of which no bundle ever has an object would always hold.
func TestEveryConditionOfOursIsAboutSomethingRendered(t *testing.T) {
	met := map[string]bool{}
	for _, plan := range shipped(t) {
		for _, p := range plan.Packages {
			if p.Chart.Embedded == "" || len(p.Health.Conditions) == 0 {
				continue
			}
			archive, err := charts(t).Archive(p.Chart.Embedded)
			require.NoError(t, err)
			objects, err := Render(t.Context(), p, archive, "v1.34.4")
			require.NoError(t, err)
			for _, c := range p.Health.Conditions {
				met[p.Name+" "+c.Kind] = met[p.Name+" "+c.Kind] || c.Live || hasOne(objects, c)
			}
		}
	}
	require.NotEmpty(t, met)
	for what, isMet := range met {
		require.True(t, isMet, "no bundle with everything optional renders %s", what)
	}
}

func hasOne(objects []*unstructured.Unstructured, c HealthCondition) bool {
	for _, object := range objects {
		if c.is(object) {
			return true
		}
	}
	return false
}
