// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
)

// quietly requires that do writes nothing at all: every object in the cluster has the version it had, none came, none went.
func (w *world) quietly(t *testing.T, do func()) {
	t.Helper()
	before := w.settled(t)
	do()
	after := w.settled(t)
	var written []string
	for object := range after {
		if before[object] != after[object] {
			written = append(written, object+": "+before[object]+" -> "+after[object])
		}
	}
	for object := range before {
		if after[object] == "" {
			written = append(written, object+" (gone)")
		}
	}
	require.Empty(t, written)
}

// settled waits until nobody writes any more, and returns the versions of all objects.
func (w *world) settled(t *testing.T) map[string]string {
	t.Helper()
	var now, earlier map[string]string
	require.Eventually(t, func() bool {
		earlier, now = now, w.versions(t)
		return maps.Equal(earlier, now)
	}, patience, 700*time.Millisecond, "somebody writes all the time")
	return now
}

// versions are the resource versions of all objects but those that are written in any cluster at any time.
func (w *world) versions(t *testing.T) map[string]string {
	t.Helper()
	client, err := metadata.NewForConfig(w.config)
	require.NoError(t, err)
	kinds, err := w.kube.Discovery().ServerPreferredResources()
	require.NoError(t, err)
	out := map[string]string{}
	for _, group := range kinds {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		require.NoError(t, err)
		for _, kind := range group.APIResources {
			if !slices.Contains(kind.Verbs, "list") || slices.Contains([]string{"events", "leases", "nodes", "componentstatuses"}, kind.Name) {
				continue
			}
			list, err := client.Resource(version.WithResource(kind.Name)).List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err, "%s %s", group.GroupVersion, kind.Name)
			for _, one := range list.Items {
				object := strings.Join([]string{kind.Name, version.Group, one.Namespace, one.Name}, "/")
				if out[object] = one.ResourceVersion; strings.HasSuffix(version.Group, ".fluxcd.io") {
					out[object] = writtenByOthers(t, one)
				}
			}
		}
	}
	return out
}

// writtenByOthers is the version of an object of Flux's without what Flux itself writes into its status: it looks at
// releases again seconds after they are ready, because of what they waited for once. What comes of that, such as another
// revision, is an object of its own.
func writtenByOthers(t *testing.T, object metav1.PartialObjectMetadata) string {
	t.Helper()
	object.ResourceVersion = ""
	object.ManagedFields = slices.DeleteFunc(object.ManagedFields, func(f metav1.ManagedFieldsEntry) bool { return f.Subresource == "status" })
	text, err := json.Marshal(object.ObjectMeta)
	require.NoError(t, err)
	return string(text)
}
