// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// recording notes each write before the fake server sees it.
func (w *world) recording() interceptor.Funcs {
	note := func(verb string, object client.Object) error {
		if w.fails != nil {
			if err := w.fails(verb, object); err != nil {
				return err
			}
		}

		w.writes = append(w.writes, verb+" "+client.ObjectKeyFromObject(object).String())

		return nil
	}

	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, o ...client.CreateOption) error {
			if err := note("create", object); err != nil {
				return err
			}

			object.SetUID(types.UID("made-" + object.GetName()))

			return c.Create(ctx, object, o...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, p client.Patch, o ...client.PatchOption) error {
			if err := note("patch", object); err != nil {
				return err
			}

			return c.Patch(ctx, object, p, o...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, wanted runtime.ApplyConfiguration, o ...client.ApplyOption) error {
			key := types.NamespacedName{}

			switch named := wanted.(type) {
			case client.Object:
				key = client.ObjectKeyFromObject(named)
			case interface{ GetName() *string }:
				key.Name = *named.GetName()
			default:
				require.Fail(w.t, "applied without a name")
			}

			if err := note("apply", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}); err != nil {
				return err
			}

			if err := c.Apply(ctx, wanted, o...); err != nil {
				return err
			}

			return date(ctx, c, wanted)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, o ...client.DeleteOption) error {
			if err := note("delete", object); err != nil {
				return err
			}

			return c.Delete(ctx, object, o...)
		},
		SubResourcePatch: func(
			ctx context.Context, c client.Client, sub string, object client.Object, p client.Patch, o ...client.SubResourcePatchOption,
		) error {
			if err := note(sub, object); err != nil {
				return err
			}

			return c.SubResource(sub).Patch(ctx, object, p, o...)
		},
	}
}

// date gives what was applied the time and generation that every API server gives it, and the fake one does not.
func date(ctx context.Context, c client.Client, applied runtime.ApplyConfiguration) error {
	object, isUnstructured := applied.(client.Object)
	if !isUnstructured || !object.GetCreationTimestamp().Time.IsZero() {
		return nil
	}

	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(object.GetObjectKind().GroupVersionKind())

	if err := c.Get(ctx, client.ObjectKeyFromObject(object), found); err != nil {
		return err
	}

	found.SetCreationTimestamp(metav1.Unix(1_700_000_000, 0))
	found.SetGeneration(1)

	return c.Update(ctx, found)
}
