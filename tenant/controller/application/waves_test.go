// SPDX-License-Identifier: Apache-2.0

package application

import (
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
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

func TestWhoeverWaitsForTheNameOfAReleaseIsWokenWhenItIsFree(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil), depotNamed("two", nil))
	l.settle()

	waits := wave{namespace: "tenant-alpha", release: "depot-one"}
	other := watch.Metadata(releaseKind())
	other.SetNamespace("tenant-alpha")
	other.SetName("depot-one")
	asked(t, l.waves)

	l.strange.heard.OnAdd(other, false)
	require.Empty(t, asked(t, l.waves))
	l.strange.heard.OnDelete(other)
	require.Equal(t, []wave{waits}, asked(t, l.waves))

	another := l.releaseOf("depot-one") // that of an application of another kind, of the same name
	another.SetLabels(map[string]string{
		application.LabelGroup: "apps.cozystack.io", application.LabelKind: "Other", application.LabelName: "depot-one",
	})
	l.informers[releaseKind()].heard.OnDelete(another)
	require.Equal(t, []wave{waits}, asked(t, l.waves))

	asked(t, l.applications)

	_, err := (&waver{l.world}).Reconcile(t.Context(), waits)
	require.NoError(t, err)
	require.Equal(t, []request{{kind: "Depot", key: client.ObjectKey{Namespace: "tenant-alpha", Name: "one"}}}, asked(t, l.applications))
}
