// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// watchedTarget is a target with what is known of it.
type watchedTarget struct {
	healthTarget
	informer cache.SharedIndexInformer // takes a watch that ended up again, at growing intervals of at most 30 s
	// broken is set when the watch ended with an error: what is known may be old from then on. It is asked for until it answers.
	broken atomic.Bool
}

func (w *healthWatch) watchTarget(target healthTarget) (*watchedTarget, error) {
	tweak := func(*metav1.ListOptions) {}
	if target.name != "" {
		selector := fields.OneTermEqualSelector("metadata.name", target.name).String()
		tweak = func(o *metav1.ListOptions) { o.FieldSelector = selector }
	}
	out := &watchedTarget{healthTarget: target, informer: dynamicinformer.NewFilteredDynamicInformer(
		w.check.dynamic, target.condition.resource(), target.namespace, 0, cache.Indexers{}, tweak).Informer()}
	err := out.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		if isUsual(err) {
			return
		}
		out.broken.Store(true)
		signal(w.changed)
	})
	if err != nil {
		return nil, err
	}
	return out, signalChanges(out.informer, w.changed)
}

// isUsual reports the ends that watches have without anything being wrong.
func isUsual(err error) bool {
	return errors.Is(err, io.EOF) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
}

// unmetNow judges what the watch knows, or, while it does not work, what the cluster answers: an error then is why.
func (t *watchedTarget) unmetNow(ctx context.Context, client dynamic.Interface) FailingObject {
	if t.broken.Load() {
		asking, done := context.WithTimeout(ctx, inspectionTimeout)
		defer done()
		failing, err := t.unmet(asking, client)
		if err == nil && t.informer.HasSynced() {
			t.broken.Store(false) // if its watch fails still, it says so again
		}
		return failing
	}
	if !t.informer.HasSynced() {
		return t.failing(t.name, "nothing is known of it yet")
	}
	var objects []*unstructured.Unstructured
	for _, item := range t.informer.GetStore().List() {
		if object, is := item.(*unstructured.Unstructured); is {
			objects = append(objects, object)
		}
	}
	slices.SortFunc(objects, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return t.judge(objects)
}
