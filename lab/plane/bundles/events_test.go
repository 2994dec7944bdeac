// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// chronicle is what happens to a bundle's HelmReleases, in the order in which the API server tells it.
type chronicle struct {
	lock   sync.Mutex
	events []string // "second ADDED", "second ready", "second leaving", "second DELETED"
}

// follow begins a chronicle, which ends with the test.
func (w *world) follow(t *testing.T) *chronicle {
	t.Helper()
	return w.followBundle(t, trial)
}

func (w *world) followBundle(t *testing.T, bundle string) *chronicle {
	t.Helper()
	releases := w.dynamic.Resource(helmReleases)
	options := metav1.ListOptions{LabelSelector: "cozystack.io/bundle=" + bundle}
	list, err := releases.List(t.Context(), options)
	require.NoError(t, err)
	options.ResourceVersion = list.GetResourceVersion()
	watched, err := releases.Watch(t.Context(), options)
	require.NoError(t, err)
	c := &chronicle{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range watched.ResultChan() {
			c.note(event)
		}
	}()
	t.Cleanup(func() {
		watched.Stop()
		<-ended
	})
	return c
}

func (c *chronicle) note(event watch.Event) {
	object, ok := event.Object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	switch {
	case event.Type != watch.Modified:
		c.events = append(c.events, object.GetName()+" "+string(event.Type))
	case object.GetDeletionTimestamp() != nil:
		c.events = append(c.events, object.GetName()+" leaving")
	case isReady(object):
		c.events = append(c.events, object.GetName()+" ready")
	}
}

// isReady reports whether a HelmRelease is, as it is now asked for.
func isReady(object *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(one any) bool {
		condition := one.(map[string]any)
		return condition["type"] == "Ready" && condition["status"] == "True" && condition["observedGeneration"] == object.GetGeneration()
	})
}

// when is the place of the first such event; negative if there was none.
func (c *chronicle) when(event string) int {
	c.lock.Lock()
	defer c.lock.Unlock()
	return slices.Index(c.events, event)
}

// requireOrder waits until all these events are told, and requires that they came in this order.
func (c *chronicle) requireOrder(t *testing.T, events ...string) {
	t.Helper()
	for i, event := range events {
		require.Eventually(t, func() bool { return c.when(event) >= 0 }, patience, tick, "%q never happened: %q", event, c.all())
		if i > 0 {
			require.Less(t, c.when(events[i-1]), c.when(event), "%q before %q: %q", event, events[i-1], c.all())
		}
	}
}

func (c *chronicle) all() []string {
	c.lock.Lock()
	defer c.lock.Unlock()
	return slices.Clone(c.events)
}
