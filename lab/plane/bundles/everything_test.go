// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/standin"
	"github.com/cozystack/cozy-install/manifests"
)

// registrationDelay is how long after its start a stand-in's program registers its kinds.
const registrationDelay = time.Second

// TestEveryBundleInstallsWithEverythingOptional installs each on a plane of its own: our charts as they are, stand-ins for
// all others, and kinds that appear late where programs register them. What takes the place of something else gets one too.
func TestEveryBundleInstallsWithEverythingOptional(t *testing.T) {
	catalog, err := bundles.Load(bundles.Data())
	require.NoError(t, err)
	ours, ran, all := map[string]bool{}, 0, 0
	installs := func(title, bundle string, choices bundles.Choices) {
		all++
		t.Run(title, func(t *testing.T) {
			ran++
			charts, plan := installsWithStandIns(t, bundle, choices)
			for _, p := range plan.Packages {
				ours[p.Chart.Embedded] = true
			}
			for _, chart := range charts {
				ours[chart] = true
			}
		})
	}
	for _, name := range catalog.Bundles() {
		set, _ := catalog.Bundle(name)
		installs(name, name, bundles.Choices{Enable: set.Optional()})
		for _, alternative := range set.Alternatives() {
			p, _ := catalog.Package(alternative)
			installs(name+" with "+alternative, name, bundles.Choices{Enable: []string{alternative}, Disable: p.Conflicts})
		}
	}
	if t.Failed() || ran < all { // -run has chosen some
		return
	}
	own, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	for _, chart := range own.Names() {
		require.True(t, ours[chart], "no bundle has chart %s: nobody was asked about its objects", chart)
	}
}

// installsWithStandIns returns the charts of the applications that tenants can order, and what was installed.
func installsWithStandIns(t *testing.T, bundle string, choices bundles.Choices) ([]string, *bundles.Plan) {
	t.Helper()
	w := newWorld(t)
	if strings.HasSuffix(bundle, "-hosted") {
		w.hasANetwork(t)
	}
	plan, err := w.shelf.resolve(t.Context(), bundle, choices)
	require.NoError(t, err)
	operated := w.standIn(t, plan, nil)
	w.installCore(t, plan)
	heard := &reports{}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	require.NoError(t, w.flux(t).Install(ctx, plan, heard.hear))
	w.staysReady(t, plan)
	waited := w.dependentsCameAfter(t, plan, operated)
	require.True(t, waited > 0 || bundle != "paas-full", "nothing waited for an operator")
	w.objectsAreAccepted(t, plan)
	groups, err := w.kube.Discovery().ServerGroups()
	require.NoError(t, err)
	hasTenants := false
	for _, group := range groups.Groups {
		hasTenants = hasTenants || group.Name == "apps.cozystack.io"
	}
	require.Equal(t, bundle == "paas-full" || bundle == "paas-hosted", hasTenants, "the API of tenants")
	if !hasTenants {
		return nil, plan
	}
	return w.applicationsAreAccepted(t, plan), plan
}

// staysReady waits for releases that were ready: Flux looks at each again when what it depends on has changed. Without names,
// for all of the plan.
func (w *world) staysReady(t *testing.T, plan *bundles.Plan, names ...string) {
	t.Helper()
	var unready []string
	require.Eventually(t, func() bool {
		unready = nil
		for name, state := range w.restStates(t, plan) {
			if state != bundles.StateReady && (len(names) == 0 || slices.Contains(names, name)) {
				unready = append(unready, name)
			}
		}
		return len(unready) == 0
	}, patience, tick, "not ready: %v", &unready)
}

// fullPlan is a bundle with everything optional, but what excludes something else.
func (w *world) fullPlan(t *testing.T, bundle string) *bundles.Plan {
	t.Helper()
	set, ok := w.shelf.catalog.Bundle(bundle)
	require.True(t, ok)
	plan, err := w.shelf.resolve(t.Context(), bundle, bundles.Choices{Enable: set.Optional()})
	require.NoError(t, err)
	return plan
}

// standIn serves stand-ins for all charts of the plan that are not ours, and makes it and all later plans take them. A world
// takes one such plan. It returns when stand-ins of operators are done with a package's objects.
func (w *world) standIn(t *testing.T, plan *bundles.Plan, changed map[string]map[string]string) *operations {
	t.Helper()
	repository, err := standin.Repository(t.Context(), plan, w.shelf.charts, changed)
	require.NoError(t, err)
	server := httptest.NewServer(repository)
	t.Cleanup(server.Close)
	w.chartSource, w.shelf.source = server.URL, server.URL
	require.NoError(t, w.shelf.shelf().Redirect(t.Context(), plan, server.URL))

	return w.playPrograms(t, plan, nil)
}
