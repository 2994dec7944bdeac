// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// recording notes each write before the fake server sees it.
func (l *lab) recording() interceptor.Funcs {
	note := func(verb string, object client.Object) {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		if kind == "" {
			kind = fmt.Sprintf("%T", object)
		}

		l.writes = append(l.writes, verb+" "+kind+" "+object.GetName())
	}

	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, o ...client.CreateOption) error {
			note("create", object)
			object.SetUID(types.UID("made-" + object.GetName()))
			object.SetGeneration(1)

			return c.Create(ctx, object, o...)
		},
		Update: func(ctx context.Context, c client.WithWatch, object client.Object, o ...client.UpdateOption) error {
			note("update", object)

			return c.Update(ctx, object, o...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, p client.Patch, o ...client.PatchOption) error {
			note("patch", object)

			return c.Patch(ctx, object, p, o...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, wanted runtime.ApplyConfiguration, o ...client.ApplyOption) error {
			l.writes = append(l.writes, fmt.Sprintf("apply %T", wanted))

			return c.Apply(ctx, wanted, o...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, o ...client.DeleteOption) error {
			note("delete", object)

			return c.Delete(ctx, object, o...)
		},
		SubResourcePatch: func(
			ctx context.Context, c client.Client, sub string, object client.Object, p client.Patch, o ...client.SubResourcePatchOption,
		) error {
			note(sub, object)

			return c.SubResource(sub).Patch(ctx, object, p, o...)
		},
	}
}
