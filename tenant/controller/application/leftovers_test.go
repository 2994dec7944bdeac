// SPDX-License-Identifier: Apache-2.0

package application

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

func leftShelf(namespace, name, of string) *unstructured.Unstructured {
	object := watch.Object(shelfKind)
	object.SetNamespace(namespace)
	object.SetName(name)
	object.SetLabels(map[string]string{"of": of})

	return object
}

func leaving(holdsData bool) func(*definition.ApplicationDefinitionSpec) {
	return func(spec *definition.ApplicationDefinitionSpec) {
		spec.Leftovers = []definition.Leftover{
			{APIVersion: "lab.example.org/v1", Kind: "Shelf", Labels: map[string]string{"of": "{release}"}, HoldsData: holdsData},
			{APIVersion: "lab.example.org/v1", Kind: "Unheard", Labels: map[string]string{"of": "{release}"}},
		}
	}
}

func TestWhatNoReleaseMadeGoesWithItsApplication(t *testing.T) {
	const annotation = "cozystack.io/accept-data-loss"

	for title, c := range map[string]struct {
		holdsData   bool
		annotations map[string]string
		want        []string
	}{
		"no data":                   {false, nil, []string{"b", "c"}},
		"data":                      {true, nil, []string{"a", "b", "c"}},
		"data, its loss accepted":   {true, map[string]string{annotation: "one"}, []string{"b", "c"}},
		"data, another's accepted":  {true, map[string]string{annotation: "two"}, []string{"a", "b", "c"}},
		"data, accepted of nothing": {true, map[string]string{annotation: ""}, []string{"a", "b", "c"}},
	} {
		t.Run(title, func(t *testing.T) {
			l := newLab(t, flux(), depots(leaving(c.holdsData)), depotNamed("one", nil),
				leftShelf("tenant-alpha", "a", "depot-one"), leftShelf("tenant-alpha", "b", "depot-two"), leftShelf("tenant-beta", "c", "depot-one"))
			l.settle()
			l.change(l.depot("one"), func(o map[string]any) { (&unstructured.Unstructured{Object: o}).SetAnnotations(c.annotations) })

			held := l.releaseOf("depot-one")
			held.SetFinalizers([]string{"finalizers.fluxcd.io"})
			require.NoError(t, l.client.Update(t.Context(), held))
			l.delete(l.depot("one"))
			l.settle()
			require.Equal(t, []string{"a", "b", "c"}, l.shelves(), "what would make it again may still run")

			freed := l.releaseOf("depot-one")
			freed.SetFinalizers(nil)
			require.NoError(t, l.client.Update(t.Context(), freed))
			l.settle()
			require.Nil(t, l.depot("one"))
			require.Equal(t, c.want, l.shelves())
		})
	}
}

// shelves are the names of all, whatever namespace they are in.
func (l *lab) shelves() []string {
	l.t.Helper()

	all := watch.List(shelfKind)
	require.NoError(l.t, l.client.List(l.t.Context(), all, client.InNamespace("")))

	var names []string
	for i := range all.Items {
		names = append(names, all.Items[i].GetName())
	}

	return names
}

func TestDataThatStaysIsNamedBeforeAndAfter(t *testing.T) {
	l := newLab(t, flux(), depots(leaving(true)), depotNamed("one", nil),
		leftShelf("tenant-alpha", "b", "depot-one"), leftShelf("tenant-alpha", "a", "depot-one"), leftShelf("tenant-beta", "c", "depot-one"))
	l.events = events.NewFakeRecorder(100)
	l.settle()

	held := l.releaseOf("depot-one")
	held.SetFinalizers([]string{"finalizers.fluxcd.io"})
	require.NoError(t, l.client.Update(t.Context(), held))
	l.delete(l.depot("one"))
	l.settle()

	const stays = "Shelf a, b hold data and stay in tenant-alpha"

	_, message := l.ready(l.depot("one"))
	require.Equal(t, "waiting for HelmRelease depot-one to be removed; "+stays+"; to delete that too, annotate it with cozystack.io/accept-data-loss=one", message)

	accept := func(name string) {
		l.change(l.depot("one"), func(o map[string]any) {
			(&unstructured.Unstructured{Object: o}).SetAnnotations(map[string]string{"cozystack.io/accept-data-loss": name})
		})
		l.settle()
	}
	accept("one")

	_, message = l.ready(l.depot("one"))
	require.Equal(t, "waiting for HelmRelease depot-one to be removed", message)
	accept("")
	l.told()

	freed := l.releaseOf("depot-one")
	freed.SetFinalizers(nil)
	require.NoError(t, l.client.Update(t.Context(), freed))
	l.settle()
	require.Equal(t, []string{"Warning DataStays " + stays}, l.told())
}

// TestLeftoversGoThoughTheirDefinitionIsGone also after a restart, when nobody knows it any more.
func TestLeftoversGoThoughTheirDefinitionIsGone(t *testing.T) {
	l := newLab(t, flux(), depots(leaving(false)), depotNamed("one", nil),
		leftShelf("tenant-alpha", "a", "depot-one"), leftShelf("tenant-alpha", "b", "depot-two"))
	l.settle()
	require.NoError(t, l.client.Delete(t.Context(), depots()))
	l.settle()
	l.world.kinds, l.watches = &kinds{}, watches{}
	l.settle()
	require.Equal(t, []string{"a", "b"}, l.shelves())

	l.delete(l.depot("one"))
	l.settle()
	require.Nil(t, l.depot("one"))
	require.Equal(t, []string{"b"}, l.shelves())
}

func TestKindSaysWhatItsObjectsLeaveBehind(t *testing.T) {
	l := newLab(t, flux(), depots(leaving(true)))
	l.settle()

	published, err := application.PublishedLeftovers(l.kindOf())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"of": "depot-{name}"}, published[0].Labels)

	of := &definition.ApplicationDefinition{}
	require.NoError(t, l.client.Get(t.Context(), client.ObjectKey{Name: "depot"}, of))
	of.Spec.Leftovers = nil
	require.NoError(t, l.client.Update(t.Context(), of))
	l.settle()
	require.Empty(t, l.kindOf().Annotations)
}

// TestLeftoverInNoNamespaceKeepsItsApplication: it would be deleted of all tenants at once.
func TestLeftoverInNoNamespaceKeepsItsApplication(t *testing.T) {
	everywhere := func(spec *definition.ApplicationDefinitionSpec) {
		spec.Leftovers = []definition.Leftover{{
			APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition", Labels: map[string]string{"of": "{release}"},
		}}
	}
	l := newLab(t, flux(), established("shelves.lab.example.org", map[string]string{"of": "depot-one"}), depots(everywhere), depotNamed("one", nil))
	l.settle()
	l.delete(l.depot("one"))

	release := l.releaseOf("depot-one")
	require.NoError(t, client.IgnoreNotFound(l.client.Delete(t.Context(), release)))

	_, err := (&reconciler{l.world}).Reconcile(t.Context(), request{kind: "Depot", key: client.ObjectKeyFromObject(l.depot("one"))})
	require.ErrorContains(t, err, "are in no namespace")

	reason, message := l.ready(l.depot("one"))
	require.Equal(t, application.ReasonDeleting, reason)
	require.Contains(t, message, "CustomResourceDefinition objects that it left behind")
}
