// SPDX-License-Identifier: Apache-2.0

package application

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/events"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// told is what was said in events since it was last asked.
func (l *lab) told() (all []string) {
	l.t.Helper()

	recorder, isFake := l.events.(*events.FakeRecorder)
	require.True(l.t, isFake)

	for len(recorder.Events) > 0 {
		all = append(all, <-recorder.Events)
	}

	return all
}

func TestEventsTellWhatBecomesOfAnApplicationAndNothingTwice(t *testing.T) {
	kind, etcd := etcds("tenant-alpha")
	l := newLab(t, flux(), kind, etcd, depots(func(s *definition.ApplicationDefinitionSpec) { s.Needs = []string{"etcd"} }), depotNamed("one", nil))
	l.events = events.NewFakeRecorder(100)
	l.settle()
	require.ElementsMatch(t, []string{
		"Normal Published objects of the kind can be made", "Normal Published objects of the kind can be made",
		"Normal WaitingForService no etcd: neither this tenant nor one above it runs it",
	}, l.told())
	l.settle()
	require.Empty(t, l.told())
}

func TestEventsTellOfFailureAndReadiness(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil))
	l.events = events.NewFakeRecorder(100)
	l.settle()
	require.Equal(t, []string{"Normal Published objects of the kind can be made"}, l.told(), "that the release is being made is no event")

	l.say(l.releaseOf("depot-one"), "False", strings.Repeat("x", 2000))
	l.settle()

	failed := l.told()
	require.Len(t, failed, 1)
	require.Contains(t, failed[0], "Warning Failed xxx")
	require.Less(t, len(failed[0]), 1100)

	l.say(l.releaseOf("depot-one"), "True", "")
	l.settle()
	require.Equal(t, []string{"Normal Ready the application can be used"}, l.told())

	l.delete(l.depot("one"))
	l.settle()
	require.Contains(t, strings.Join(l.told(), "\n"), "Normal Deleting waiting for HelmRelease depot-one to be removed")
}

func TestEventsTellThatAnApplicationStaysWhereItsDataIs(t *testing.T) {
	kind, above := etcds("tenant-root")
	l := newLab(t, flux(), kind, above, depots(func(s *definition.ApplicationDefinitionSpec) { s.Keeps = []string{"etcd"} }), depotNamed("one", nil))
	l.tenants.resolved["tenant-root"] = tenant.Resolved{Namespace: "tenant-root"}
	provide := func(namespace string) {
		resolved := alpha()
		resolved.Services[tenant.Etcd] = tenant.Provision{Source: tenant.Inherited, Namespace: namespace}
		l.tenants.resolved["tenant-alpha"] = resolved
		l.settle()
	}

	provide("tenant-root")
	l.say(l.get(releaseKind(), "tenant-root", "etcd"), "True", "")
	l.settle()
	l.say(l.releaseOf("depot-one"), "True", "")
	l.settle()

	l.events = events.NewFakeRecorder(100)

	provide("tenant-alpha")
	require.Contains(t, l.told(), "Normal ServiceMoved the application stays with etcd of tenant-root, where its data is; the tenant has that of tenant-alpha")
	l.settle()
	require.Empty(t, l.told())

	provide("tenant-root")
	require.Empty(t, l.told(), "it is where it was")
}

func TestEventsTellThatADefinitionIsRefused(t *testing.T) {
	l := newLab(t, flux(), depots(func(s *definition.ApplicationDefinitionSpec) { s.Release.Chart.Name = "nowhere" }))
	l.events = events.NewFakeRecorder(100)
	l.settle()

	refused := l.told()
	require.Len(t, refused, 1)
	require.Contains(t, refused[0], "Warning ChartMissing chart nowhere: the platform serves none of this name")
}
