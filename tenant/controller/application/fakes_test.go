// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
)

// tenants is a tree that the test says.
type tenants struct {
	isKnown  bool
	resolved map[string]tenant.Resolved
}

func (t *tenants) IsKnown() bool         { return t.isKnown }
func (t *tenants) Listen(func([]string)) {}

func (t *tenants) Resolved(namespace string) (tenant.Resolved, bool) {
	found, isAccepted := t.resolved[namespace]

	return found, isAccepted
}

// informer is a cache that is filled at once, unless the test says otherwise.
type informer struct {
	cache.Informer

	isEmpty bool
	// fails is why the kind can't be watched. Nil: it can.
	fails error
	heard toolscache.ResourceEventHandler
}

func (i *informer) HasSynced() bool { return !i.isEmpty }

func (i *informer) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.heard = handler

	return nil, nil
}

// seen is a cache that has all there is, and watches what the lab lets it.
type seen struct {
	client.Reader
	*lab
}

// strangers is a cache of metadata alone.
type strangers struct{ *lab }

func (s strangers) GetInformer(_ context.Context, object client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	s.strange = &informer{}

	if _, isMetadata := object.(*metav1.PartialObjectMetadata); !isMetadata {
		return nil, fmt.Errorf("%T is kept whole", object)
	}

	return s.strange, nil
}

// GetInformer makes the lab one by which kinds are watched.
func (l *lab) GetInformer(_ context.Context, object client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	gvk := object.GetObjectKind().GroupVersionKind()
	if l.informers[gvk] == nil {
		l.informers[gvk] = &informer{}
	}

	return l.informers[gvk], l.informers[gvk].fails
}

func (l *lab) RemoveInformer(_ context.Context, object client.Object) error {
	delete(l.informers, object.GetObjectKind().GroupVersionKind())

	return nil
}
