// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// A guard that sees nothing would let every test of faults pass.
func TestTheGuardSeesWhatIsDeletedAndReplaced(t *testing.T) {
	object := func(uid types.UID, version string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", UID: uid, ResourceVersion: version}}
	}
	g := &guard{}
	events := g.handler("claims")
	events.OnAdd(object("first", "1"), true)
	events.OnUpdate(object("first", "1"), object("first", "2"))
	require.Empty(t, g.gone)
	events.OnUpdate(object("first", "2"), object("second", "3"))
	events.OnDelete(object("first", "4"))
	events.OnDelete(cache.DeletedFinalStateUnknown{Key: "a/b", Obj: object("first", "5")})
	require.Equal(t, []string{"claims a/b was replaced", "claims a/b was deleted", "claims a/b was deleted"}, g.gone)
}
