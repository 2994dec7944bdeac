// SPDX-License-Identifier: Apache-2.0

package application

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

func TestKindThatIsBeingDeletedLetsItsObjectsGo(t *testing.T) {
	for _, hasDefinition := range []bool{true, false} {
		l := newLab(t, flux(), depots(), depotNamed("one", nil))
		l.settle()

		held := l.kindOf()
		held.SetFinalizers([]string{"customresourcecleanup.apiextensions.k8s.io"})
		require.NoError(t, l.client.Update(t.Context(), held))
		l.delete(held)

		if !hasDefinition {
			l.delete(depots())
			l.world.kinds, l.watches = &kinds{}, watches{} // as after a restart
		}

		l.settle()
		require.NotNil(t, l.kindOf().DeletionTimestamp)
		require.NotNil(t, l.releaseOf("depot-one"))

		l.delete(l.depot("one")) // as the API server does
		l.settle()
		require.Nil(t, l.releaseOf("depot-one"))
		require.Nil(t, l.depot("one"), "nobody else takes its finalizer off")
	}
}

func TestKindThatIsGoneIsServedNoMore(t *testing.T) {
	l := newLab(t, flux(), depots())
	l.settle()
	require.NotEmpty(t, l.kinds.all())

	l.delete(flux())
	l.delete(l.kindOf())
	l.settle()
	require.Equal(t, ReasonRequirementsMissing, l.published().Reason)
	require.Empty(t, l.kinds.all())
	require.Nil(t, l.informers[depotKind])
}

func TestFinalizerThatWasTakenOffIsPutBack(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil))
	l.settle()

	one := l.depot("one")
	one.SetFinalizers(nil)
	require.NoError(t, l.client.Update(t.Context(), one))
	require.Equal(t, []string{"patch Depot one"}, l.settle())
	require.Equal(t, []string{Finalizer}, l.depot("one").GetFinalizers())
}

func TestObjectsAreServedWhereTheirHealthCanNotBeWatched(t *testing.T) {
	l := newLab(t, flux(), depots(judged), depotNamed("one", nil))
	l.informers[shelfKind] = &informer{fails: &meta.NoKindMatchError{GroupKind: shelfKind.GroupKind()}}

	require.NoError(t, l.publishOnce("depot"), "it is not established yet")

	l.establish()
	require.ErrorContains(t, l.publishOnce("depot"), "Shelf")
	require.Equal(t, ReasonRequirementsMissing, l.published().Reason)
	require.Contains(t, l.published().Message, "Shelf")
	require.NotNil(t, l.informers[depotKind].heard, "objects are watched all the same")

	asked(t, l.waves)
	l.informers[shelfKind] = &informer{}
	require.NoError(t, l.publishOnce("depot"))
	require.Equal(t, definition.ConditionPublished, l.published().Reason)
	require.Equal(t, []wave{{kind: "Depot"}}, asked(t, l.waves))
}
