// SPDX-License-Identifier: Apache-2.0

package application

import (
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestWaveWaitsForTheKindThatIsNotSeenYetAlone(t *testing.T) {
	kind, etcd := etcds("tenant-root")
	l := newLab(t, flux(), kind, etcd, depots(), depotNamed("one", nil))
	l.settle()

	l.informers[etcdKind].isEmpty = true
	l.waves.kept, l.applications.kept = nil, nil

	result, err := (&waver{l.world}).Reconcile(t.Context(), wave{namespace: "tenant-root"})
	require.NoError(t, err)
	require.Zero(t, result)
	require.Equal(t, map[wave]bool{{kind: "Etcd", namespace: "tenant-root"}: true}, l.waves.kept)

	result, err = (&waver{l.world}).Reconcile(t.Context(), wave{})
	require.NoError(t, err)
	require.Zero(t, result)
	require.Equal(t, map[request]bool{{kind: "Depot", key: client.ObjectKey{Namespace: "tenant-alpha", Name: "one"}}: true}, l.applications.kept)

	result, err = (&waver{l.world}).Reconcile(t.Context(), wave{kind: "Etcd"})
	require.NoError(t, err)
	require.Equal(t, reconcile.Result{RequeueAfter: fillInterval}, result)

	l.informers[etcdKind].isEmpty = false
	l.applications.kept = nil
	_, err = (&waver{l.world}).Reconcile(t.Context(), wave{kind: "Etcd", namespace: "tenant-root"})
	require.NoError(t, err)
	require.Len(t, l.applications.kept, 1)
}
