// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// reasonKindNotRead is that of a step that goes by objects of a kind that could not be read.
const reasonKindNotRead = "KindNotRead"

// unreadObjects says that objects of some kinds could not be read, and who says why.
func unreadObjects(kinds ...string) string {
	return "objects of " + strings.Join(kinds, ", ") + " can't be read; they are asked for again all the time, and the log of cozy-controller " +
		"says what came back"
}

// note says whether the objects of a CRD's kind could not be read, and of which kind they are, empty where that is not known, and gives
// whether that is news.
func (k *kinds) note(crd string, kind schema.GroupVersionKind, isUnread bool) (isNew bool) {
	k.mu.Lock()
	defer k.mu.Unlock()

	before, wasUnread := k.unread[crd]

	if !isUnread {
		delete(k.unread, crd)

		return wasUnread
	}

	if k.unread == nil {
		k.unread = map[string]schema.GroupVersionKind{}
	}

	if kind.Empty() {
		kind = before // its watch goes on, and is to be left one day
	}

	k.unread[crd] = kind

	return !wasUnread
}

// unreadKind is the kind of a CRD whose objects could not be read. Empty: they could, or it is not known.
func (k *kinds) unreadKind(crd string) schema.GroupVersionKind {
	k.mu.RLock()
	defer k.mu.RUnlock()

	return k.unread[crd]
}

// isUnread says whether objects of a kind are served and could not be read, or may be served by a CRD that could not be read itself.
func (k *kinds) isUnread(kind schema.GroupVersionKind) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()

	for crd, unread := range k.unread {
		if unread == kind || unread.Empty() && strings.HasSuffix(crd, "."+kind.Group) && !slices.Contains(slices.Collect(maps.Values(k.served)), kind) {
			return true
		}
	}

	return false
}

// applications are the kinds of applications whose objects can be read, and the names of the CRDs of those that could not, in order, each
// of which may use any service.
func (k *kinds) applications() (read []schema.GroupVersionKind, unread []string) {
	k.mu.RLock()
	defer k.mu.RUnlock()

	for crd := range k.unread {
		if strings.HasSuffix(crd, "."+v1alpha1.GroupVersion.Group) {
			unread = append(unread, crd)
		}
	}

	slices.Sort(unread)

	return slices.DeleteFunc(slices.Collect(maps.Values(k.served)), func(kind schema.GroupVersionKind) bool {
		return kind.Group != v1alpha1.GroupVersion.Group
	}), unread
}
