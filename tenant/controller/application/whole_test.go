// SPDX-License-Identifier: Apache-2.0

package application

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// withEtcdOfTheRoot is a lab whose tenant has the etcd of the root, which is ready, with a kind Depot and some objects.
func withEtcdOfTheRoot(t *testing.T, depot func(*definition.ApplicationDefinitionSpec), objects ...client.Object) *lab {
	t.Helper()

	kind, etcd := etcds("tenant-root")
	l := newLab(t, append([]client.Object{flux(), kind, etcd, depots(depot)}, objects...)...)
	l.tenants.resolved["tenant-root"] = tenant.Resolved{Namespace: "tenant-root"}
	has := alpha()
	has.Services[tenant.Etcd] = tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-root"}
	l.tenants.resolved["tenant-alpha"] = has

	l.settle()
	l.say(l.get(releaseKind(), "tenant-root", "etcd"), "True", "")
	l.settle()

	return l
}

// started is a lab with an application that uses a service and hands out a Secret, both ready, just after a restart.
func started(t *testing.T) *lab {
	t.Helper()

	needs := func(s *definition.ApplicationDefinitionSpec) { s.Needs = []string{"etcd"} }
	l := withEtcdOfTheRoot(t, needs, depotNamed("one", nil))
	l.say(l.releaseOf("depot-one"), "True", "")
	l.settle()

	reason, _ := l.ready(l.depot("one"))
	require.Equal(t, "Ready", reason)

	l.world.kinds, l.watches, l.writes = &kinds{}, watches{}, nil
	asked(t, l.waves)

	return l
}

func TestNothingIsTakenAwayBeforeAllKindsAreKnown(t *testing.T) {
	l := started(t)
	credentials := &credentials{l.world}

	l.publish("etcd")

	result, err := credentials.Reconcile(t.Context(), named("tenant-alpha"))
	require.NoError(t, err)
	require.Equal(t, fillInterval, result.RequeueAfter)
	require.Empty(t, l.writes, "the kind whose objects hand out Secrets is not known yet")
	require.NotContains(t, asked(t, l.waves), wave{})

	l.publish("depot")
	require.Contains(t, asked(t, l.waves), wave{}, "who did nothing meanwhile is woken")

	result, err = credentials.Reconcile(t.Context(), named("tenant-alpha"))
	require.NoError(t, err)
	require.Zero(t, result)
	require.Empty(t, l.settle(), "nothing changed")
}

func TestServiceThatIsNotSeenYetIsNotMissed(t *testing.T) {
	l := started(t)

	l.publish("depot")
	l.reconcile("Depot", "tenant-alpha", "one")
	require.Empty(t, l.writes, "the kind that runs the service is not known yet")

	l.informers[etcdKind].isEmpty = true
	l.publish("etcd")
	l.reconcile("Depot", "tenant-alpha", "one")
	require.Empty(t, l.writes, "nor are its objects")

	l.informers[etcdKind].isEmpty = false
	asked(t, l.waves)
	_, err := (&waver{l.world}).Reconcile(t.Context(), wave{kind: "Etcd"})
	require.NoError(t, err)
	require.Contains(t, asked(t, l.waves), wave{service: "etcd"}, "its users are woken")
	require.Empty(t, l.settle(), "nothing changed")
}

func TestOneKindThatCanNotBeWatchedKeepsNobodyWaiting(t *testing.T) {
	l := started(t)
	l.publish("depot")

	l.informers[etcdKind] = &informer{fails: errors.New("it is out of order")}
	require.ErrorContains(t, l.publishOnce("etcd"), "it is out of order")
	require.True(t, l.world.kinds.isWhole())
}
