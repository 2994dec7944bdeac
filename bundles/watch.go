// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"sync"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// watchedReleases keeps the HelmReleases of one bundle as the cluster has them. A watch that breaks, as with a restart of
// the API server, is taken up again.
type watchedReleases struct {
	informer cache.SharedIndexInformer
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// watchReleases returns when the present state is known. After any change, changed gets a token; several changes may share
// one. The caller must call stop.
func watchReleases(
	ctx context.Context, client dynamic.Interface, bundle string, changed chan<- struct{},
) (*watchedReleases, error) {
	selector := bundleLabel + "=" + bundle
	w := &watchedReleases{
		informer: dynamicinformer.NewFilteredDynamicInformer(client, releases(), metav1.NamespaceAll, 0, cache.Indexers{},
			func(o *metav1.ListOptions) { o.LabelSelector = selector }).Informer(),
	}
	if err := signalChanges(w.informer, changed); err != nil {
		return nil, fmt.Errorf("watch helm releases: %w", err)
	}
	ctx, w.cancel = context.WithCancel(ctx)
	if err := startSynced(ctx, &w.running, w.informer, releases().GroupResource(), syncTimeout); err != nil {
		w.stop()
		return nil, fmt.Errorf("watch helm releases: %w", err)
	}
	return w, nil
}

// signalChanges sends a token to changed, which must have room for one, after any change the informer sees.
func signalChanges(informer cache.SharedIndexInformer, changed chan<- struct{}) error {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { signal(changed) }, UpdateFunc: func(_, _ any) { signal(changed) }, DeleteFunc: func(any) { signal(changed) },
	})
	return err
}

func signal(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default: // a token is there already
	}
}

// stop ends the watch and waits until it has ended.
func (w *watchedReleases) stop() {
	w.cancel()
	w.running.Wait()
}

// releases returns the HelmReleases by package.
func (w *watchedReleases) releases() (map[string]*helmv2.HelmRelease, error) {
	out := map[string]*helmv2.HelmRelease{}
	for _, item := range w.informer.GetStore().List() {
		object, ok := item.(*unstructured.Unstructured)
		if !ok {
			return nil, fmt.Errorf("watch helm releases: got a %T", item)
		}
		release, err := toRelease(object)
		if err != nil {
			return nil, err
		}
		out[release.Labels[packageLabel]] = release
	}
	return out, nil
}

func toRelease(object *unstructured.Unstructured) (*helmv2.HelmRelease, error) {
	release := &helmv2.HelmRelease{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, release); err != nil {
		return nil, fmt.Errorf("read helm release %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	return release, nil
}
