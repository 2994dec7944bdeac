// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// runtimeCRDs knows which of the CRDs that programs register while they run exist by now. Their package is ready before
// they do.
type runtimeCRDs struct {
	dynamic     dynamic.Interface
	informer    cache.SharedIndexInformer // names only: the schemas of a platform's CRDs are tens of megabytes
	cancel      context.CancelFunc
	running     sync.WaitGroup
	registrars  map[string]string // CRD -> the package whose program registers it
	established map[string]bool
}

// watchRuntimeCRDs sends a token to changed when any CRD changes. It watches nothing if no package of the plan needs one
// that is registered at run time. The caller must call stop.
func watchRuntimeCRDs(
	ctx context.Context, names metadata.Interface, objects dynamic.Interface, plan *Plan, changed chan<- struct{},
) (*runtimeCRDs, error) {
	w := &runtimeCRDs{
		dynamic: objects, registrars: registrars(plan), established: map[string]bool{}, cancel: func() {},
	}
	if len(w.registrars) == 0 {
		return w, nil
	}
	w.informer = metadatainformer.NewFilteredMetadataInformer(names, definitions(), metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
	if err := signalChanges(w.informer, changed); err != nil {
		return nil, fmt.Errorf("watch CRDs: %w", err)
	}
	ctx, w.cancel = context.WithCancel(ctx)
	if err := startSynced(ctx, &w.running, w.informer, definitions().GroupResource(), syncTimeout); err != nil {
		w.stop()
		return nil, fmt.Errorf("watch CRDs: %w", err)
	}
	return w, nil
}

// stop ends the watch and waits until it has ended.
func (w *runtimeCRDs) stop() {
	w.cancel()
	w.running.Wait()
}

// missing lists, in words, the CRDs that p needs and whose registrar has not registered them yet.
func (w *runtimeCRDs) missing(ctx context.Context, p Package) ([]string, error) {
	var out []string
	for _, crd := range p.Needs {
		registrar, fromRuntime := w.registrars[crd]
		if !fromRuntime || w.established[crd] {
			continue
		}
		if _, exists, _ := w.informer.GetStore().GetByKey(crd); exists {
			established, err := isEstablished(ctx, w.dynamic, crd)
			if err != nil {
				return nil, err
			}
			if w.established[crd] = established; established {
				continue
			}
		}
		out = append(out, crd+" of "+registrar)
	}
	return out, nil
}

// registrars are the CRDs that packages of the plan need and programs of others register: CRD -> package.
func registrars(plan *Plan) map[string]string {
	needed := map[string]bool{}
	for _, p := range plan.Packages {
		for _, crd := range p.Needs {
			needed[crd] = true
		}
	}
	out := map[string]string{}
	for _, p := range plan.Packages {
		for _, crd := range p.Provides {
			if crd.From == FromRuntime && needed[crd.Name] {
				out[crd.Name] = p.Name
			}
		}
	}
	return out
}

func definitions() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}
