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
	asked(t, l.waves)
	asked(t, l.applications)

	result, err := (&waver{l.world}).Reconcile(t.Context(), wave{namespace: "tenant-root"})
	require.NoError(t, err)
	require.Zero(t, result)
	require.Equal(t, []wave{{kind: "Etcd", namespace: "tenant-root"}}, asked(t, l.waves))

	result, err = (&waver{l.world}).Reconcile(t.Context(), wave{})
	require.NoError(t, err)
	require.Zero(t, result)
	require.Equal(t, []request{{kind: "Depot", key: client.ObjectKey{Namespace: "tenant-alpha", Name: "one"}}}, asked(t, l.applications))

	result, err = (&waver{l.world}).Reconcile(t.Context(), wave{kind: "Etcd"})
	require.NoError(t, err)
	require.Equal(t, reconcile.Result{RequeueAfter: fillInterval}, result)

	l.informers[etcdKind].isEmpty = false
	_, err = (&waver{l.world}).Reconcile(t.Context(), wave{kind: "Etcd", namespace: "tenant-root"})
	require.NoError(t, err)
	require.Len(t, asked(t, l.applications), 1)
}
