// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// syncTimeout bounds how long one kind's cache may take to fill. Others wait for it.
const syncTimeout = 20 * time.Second

// kinds are those of one purpose that the API server serves now, each with a filled cache behind it. They come and go while the
// controller runs. It is safe for concurrent use.
type kinds struct {
	// areOurs says whether a CRD, by its name, has one of them, and version is that in which all of them are read.
	areOurs func(crd string) bool
	version string

	cache watch.Informers
	// crds is a cache of the metadata of CRDs.
	crds client.Reader
	// live reads past the cache.
	live client.Reader
	// heard is told of each object of the kinds, as it was and is: one of them is nil where it was made or deleted.
	heard func(was, is *unstructured.Unstructured)
	log   *slog.Logger

	looking sync.Mutex // held by who looks at CRDs
	// uids are those of the CRDs whose objects are watched, by name: one may be deleted and made anew between two looks.
	uids map[string]types.UID

	mu      sync.RWMutex
	isKnown bool
	served  map[string]schema.GroupVersionKind // by name of the CRD
	// unread are those whose objects could not be read, by name of the CRD: nobody may take them for none. A kind is empty where not
	// even the CRD could be read.
	unread map[string]schema.GroupVersionKind
}

// learn looks at all kinds that there are, once: who asks before would take a kind for not served.
func (k *kinds) learn(ctx context.Context) error {
	if k.isLearnt() { // whoever looks at one again may hold the lock for long
		return nil
	}

	k.looking.Lock()
	defer k.looking.Unlock()

	if k.isLearnt() {
		return nil
	}

	list := watch.MetadataList(crdKind())
	if err := k.crds.List(ctx, list); err != nil {
		return fmt.Errorf("list custom resource definitions: %w", err)
	}

	for i := range list.Items {
		name := list.Items[i].Name
		if !k.areOurs(name) {
			continue
		}

		// One kind that can't be read must not keep everybody waiting: whoever watches its CRD tries again.
		if _, err := k.lookLocked(ctx, name); err != nil {
			k.log.ErrorContext(ctx, "a kind can't be read", "crd", name, "error", err.Error())
		}
	}

	k.mu.Lock()
	defer k.mu.Unlock()

	k.isKnown = true

	return nil
}

func (k *kinds) isLearnt() bool {
	k.mu.RLock()
	defer k.mu.RUnlock()

	return k.isKnown
}

// look looks at one kind again, and says whether it came or went, or is no more or no less known, which may be so also where it fails.
func (k *kinds) look(ctx context.Context, crd string) (isOther bool, err error) {
	k.looking.Lock()
	defer k.looking.Unlock()

	return k.lookLocked(ctx, crd)
}

func (k *kinds) lookLocked(ctx context.Context, crd string) (isOther bool, err error) {
	kind, isOther, err := k.compare(ctx, crd)
	if k.note(crd, kind, err != nil && k.kindOf(crd).Empty()) {
		isOther = true
	}

	return isOther, err
}

// compare brings the watch of one kind to what its CRD says, and gives the kind where that is known, and whether it came or went.
func (k *kinds) compare(ctx context.Context, crd string) (kind schema.GroupVersionKind, isOther bool, err error) {
	found := watch.Object(crdKind())

	err = k.live.Get(ctx, client.ObjectKey{Name: crd}, found)
	if client.IgnoreNotFound(err) != nil {
		return kind, false, fmt.Errorf("get custom resource definition %s: %w", crd, err)
	}

	isThere := err == nil

	if was := k.kindOf(crd); !was.Empty() && (!isThere || found.GetUID() != k.uids[crd]) {
		isOther = true

		k.set(crd, schema.GroupVersionKind{})

		if err := k.leave(ctx, was); err != nil {
			return was, isOther, err
		}
	}

	switch {
	case !isThere || !serves(found, k.version):
		return kind, isOther, k.leave(ctx, k.unreadKind(crd))
	case !k.kindOf(crd).Empty():
		return kind, isOther, nil
	}

	kind = kindIn(found, k.version)
	if err := k.watch(ctx, kind); err != nil {
		return kind, isOther, err
	}

	if k.uids == nil {
		k.uids = map[string]types.UID{}
	}

	k.uids[crd] = found.GetUID()
	k.set(crd, kind)

	return kind, true, nil
}

// leave ends the watch of a kind. Empty: there is none.
func (k *kinds) leave(ctx context.Context, kind schema.GroupVersionKind) error {
	if kind.Empty() {
		return nil
	}

	if err := k.cache.RemoveInformer(ctx, watch.Object(kind)); err != nil {
		return fmt.Errorf("stop watching objects of kind %s: %w", kind.Kind, err)
	}

	return nil
}

// watch fills the cache with the objects of a kind, and lets heard know of them.
func (k *kinds) watch(ctx context.Context, kind schema.GroupVersionKind) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()

	informer, err := k.cache.GetInformer(ctx, watch.Object(kind))
	if err == nil && informer != nil {
		_, err = informer.AddEventHandler(watch.Handler(func(was, is client.Object) { k.heard(watch.Fields(was), watch.Fields(is)) }))
	}

	if err != nil {
		return fmt.Errorf("watch objects of kind %s: %w", kind.Kind, err)
	}

	return nil
}

func (k *kinds) kindOf(crd string) schema.GroupVersionKind {
	k.mu.RLock()
	defer k.mu.RUnlock()

	return k.served[crd]
}

// set says of which kind a CRD is. Empty: it is not served.
func (k *kinds) set(crd string, kind schema.GroupVersionKind) {
	k.mu.Lock()
	defer k.mu.Unlock()

	if kind.Empty() {
		delete(k.served, crd)

		return
	}

	if k.served == nil {
		k.served = map[string]schema.GroupVersionKind{}
	}

	k.served[crd] = kind
}

// serves says whether objects of a kind can be read.
func (k *kinds) serves(kind schema.GroupVersionKind) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()

	return slices.Contains(slices.Collect(maps.Values(k.served)), kind)
}
