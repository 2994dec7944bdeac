// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestAHandlerTellsWhatWasAndWhatIs(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "lab.example.org", Version: "v1", Kind: "Shelf"}
	a, b := Object(kind), Object(kind)
	b.SetName("b")

	var heard [][2]client.Object

	handler := Handler(func(was, is client.Object) { heard = append(heard, [2]client.Object{was, is}) })
	handler.OnAdd(a, true)
	handler.OnUpdate(a, b)
	handler.OnDelete(b)
	handler.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: a})
	handler.OnAdd("what no cache holds", false)

	require.Equal(t, [][2]client.Object{{nil, a}, {a, b}, {b, nil}, {a, nil}}, heard)
	require.Nil(t, Fields(nil))
	require.Same(t, a, Fields(a))
	require.Nil(t, Fields(Metadata(kind)))
	require.Equal(t, "ShelfList", List(kind).GetKind())
	require.Equal(t, "ShelfList", MetadataList(kind).GroupVersionKind().Kind)
}
