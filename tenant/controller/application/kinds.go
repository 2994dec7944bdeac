// SPDX-License-Identifier: Apache-2.0

package application

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// kind is one kind of application that the API server serves.
type kind struct {
	name  string // Postgres
	owner string // name of its definition
	// definition is nil where it was deleted, or can't be used: then objects stay as they are and can be deleted.
	definition *definition.ApplicationDefinition
	// leftovers are what objects leave behind that no release made, also where the definition is nil.
	leftovers []definition.Leftover
	// health judges what releases of the kind made, in the order of the definition's expressions.
	health []judge
}

func (k kind) gvk() schema.GroupVersionKind { return v1alpha1.GroupVersion.WithKind(k.name) }

// object is an empty one of the kind.
func (k kind) object() *unstructured.Unstructured { return watch.Object(k.gvk()) }

// list is an empty list of the kind.
func (k kind) list() *unstructured.UnstructuredList { return watch.List(k.gvk()) }

func releaseKind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(application.ReleaseAPIVersion, application.ReleaseKind)
}

// kinds are those that are served now. The zero value has none. It is safe for concurrent use.
type kinds struct {
	mu     sync.RWMutex
	byName map[string]kind
	// seen are the definitions that were looked at, and whole says that all were.
	seen  map[string]bool
	whole bool
}

func (k *kinds) get(name string) (kind, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()

	found, isServed := k.byName[name]

	return found, isServed
}

// all are the kinds in the order of their names.
func (k *kinds) all() []kind {
	k.mu.RLock()
	defer k.mu.RUnlock()

	all := make([]kind, 0, len(k.byName))
	for _, name := range slices.Sorted(maps.Keys(k.byName)) {
		all = append(all, k.byName[name])
	}

	return all
}

func (k *kinds) put(one kind) {
	k.mu.Lock()
	defer k.mu.Unlock()

	if k.byName == nil {
		k.byName = map[string]kind{}
	}

	k.byName[one.name] = one
}

func (k *kinds) drop(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()

	delete(k.byName, name)
}
