// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bundles"
)

func (w *world) differencesAreShown(t *testing.T) {
	diff := func(plan *bundles.Plan) []bundles.PackageDiff {
		var statuses []bundles.PackageStatus
		for name, state := range w.restStates(t, plan) {
			statuses = append(statuses, bundles.PackageStatus{Name: name, State: state})
		}
		for name, state := range w.coreStates(t, plan) {
			statuses = append(statuses, bundles.PackageStatus{Name: name, State: state})
		}
		out, err := w.cluster(t).Diff(t.Context(), plan, w.shelf.shelf(), statuses)
		require.NoError(t, err)
		return out
	}
	// Flux looks at releases again seconds after they are ready, and until it has, they are not: see writtenByOthers.
	finally := func(plan *bundles.Plan, want ...bundles.PackageDiff) {
		w.quietly(t, func() {
			require.EventuallyWithT(t, func(c *assert.CollectT) { assert.ElementsMatch(c, want, diff(plan)) }, patience, time.Second)
		})
	}
	finally(w.with(t, fade, fadeOptional()...))
	plan := w.with(t, fade, "fade-one", "fade-two", "fade-kind", "fade-lone")
	for i, p := range plan.Packages {
		if p.Name == "fade-relic" || p.Name == "fade-two" {
			plan.Packages[i].Values = map[string]any{"word": "new", "password": "x"}
		}
		if p.Name == "fade-relic" {
			plan.Packages[i].Patches = []bundles.Patch{{
				Target: bundles.PatchTarget{Kind: "Deployment", Name: "fade-relic"},
				Patch:  "- {op: add, path: /spec/template/spec/hostNetwork, value: true}\n",
			}}
		}
	}
	plan.Packages = append(plan.Packages, bundles.Package{Name: "fresh", Chart: bundles.Chart{Version: "1"}})
	changed := []bundles.Field{{Path: "values.password", New: "(redacted)"}, {Path: "values.word", New: `"new"`}}
	patched := bundles.Field{Path: "objects.Deployment/fade-relic.spec.template.spec.hostNetwork", New: "true"}
	finally(
		plan,
		bundles.PackageDiff{
			Package: "fade-relic", Change: bundles.DiffChange, Reason: "what is patched into it changes",
			Fields: append(slices.Clone(changed), patched),
		},
		bundles.PackageDiff{Package: "fade-two", Change: bundles.DiffChange, Fields: changed},
		bundles.PackageDiff{Package: "fresh", Change: bundles.DiffAdd},
		bundles.PackageDiff{Package: "fade-three", Change: bundles.DiffRemove},
		bundles.PackageDiff{
			Package: "fade-store", Change: bundles.DiffKeep, Reason: "it holds data: t", Loses: []string{"it holds data: t"},
		},
	)
}
