// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// spareOthers sees that the removal of a package leaves alone what is in its release by name and belongs to others by now: Helm
// deletes whatever has the kind and the name. The release forgets these objects, and Flux, which knows what the release was, the
// whole of it: it is suspended, and the removal is ours. True: there were such objects.
func (c *Cluster) spareOthers(ctx context.Context, one Installed, left *remains) (bool, error) {
	foreign, err := left.foreign(ctx)
	if err != nil || len(foreign) == 0 {
		return false, err
	}
	if one.byFlux() && !one.release.Spec.Suspend {
		if err := c.suspend(ctx, one); err != nil {
			return false, err
		}
	}
	return true, c.helm.forget(ctx, one, foreign)
}

func (c *Cluster) suspend(ctx context.Context, one Installed) error {
	patch := fmt.Appendf(nil, `{"metadata": {"uid": %q}, "spec": {"suspend": true}}`, one.release.UID)
	err := persist(ctx, func(ctx context.Context) error {
		_, err := c.releaseClient(one).Patch(ctx, one.release.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
		return err
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("suspend helm release %s/%s: %w", one.release.Namespace, one.release.Name, err)
	}
	return nil
}

// foreign lists the objects of the release, as rendered, in whose place there is now one of somebody else's.
func (r *remains) foreign(ctx context.Context) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, object := range r.objects {
		found, err := r.get(ctx, object)
		if err != nil {
			return nil, err
		}
		if found != nil && !r.isOurs(found) {
			out = append(out, object)
		}
	}
	return out, nil
}

// forget takes objects out of the newest revision of a release, so that Helm does not delete them.
func (h *Helm) forget(ctx context.Context, one Installed, objects []*unstructured.Unstructured) error {
	err := h.rewrite(ctx, one.Release, one.Namespace, func(manifest string) (string, error) {
		return withoutObjects(manifest, one.Namespace, objects)
	})
	if err != nil {
		return fmt.Errorf("helm release %s/%s: leave out what belongs to others: %w", one.Namespace, one.Release, err)
	}
	return nil
}

// withoutObjects is a rendered manifest without the documents of these objects.
func withoutObjects(text, namespace string, objects []*unstructured.Unstructured) (string, error) {
	type key struct{ group, kind, namespace, name string }
	keyOf := func(o *unstructured.Unstructured) key {
		return key{o.GroupVersionKind().Group, o.GetKind(), inNamespace(o, namespace), o.GetName()}
	}
	left := map[key]bool{}
	for _, object := range objects {
		left[keyOf(object)] = true
	}
	var out strings.Builder
	for document := range strings.SplitSeq("\n"+text, "\n---") {
		found, err := objectsOf(document)
		if err != nil {
			return "", err
		}
		if len(found) == 0 || left[keyOf(found[0])] {
			continue
		}
		out.WriteString("---" + document + "\n")
	}
	return out.String(), nil
}
