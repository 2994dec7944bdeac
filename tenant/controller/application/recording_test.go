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
	note := func(verb string, object client.Object) error {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		if kind == "" {
			kind = fmt.Sprintf("%T", object)
		}

		call := verb + " " + kind + " " + object.GetName()
		if err := l.failing(call); err != nil {
			return err
		}

		l.writes = append(l.writes, call)

		return nil
	}

	return interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, o ...client.ListOption) error {
			if err := l.failing("list " + list.GetObjectKind().GroupVersionKind().Kind); err != nil {
				return err
			}

			return c.List(ctx, list, o...)
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, o ...client.CreateOption) error {
			if err := note("create", object); err != nil {
				return err
			}

			object.SetUID(types.UID("made-" + object.GetName()))
			object.SetGeneration(1)

			return c.Create(ctx, object, o...)
		},
		Update: func(ctx context.Context, c client.WithWatch, object client.Object, o ...client.UpdateOption) error {
			if err := note("update", object); err != nil {
				return err
			}

			return c.Update(ctx, object, o...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, p client.Patch, o ...client.PatchOption) error {
			if err := note("patch", object); err != nil {
				return err
			}

			return c.Patch(ctx, object, p, o...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, wanted runtime.ApplyConfiguration, o ...client.ApplyOption) error {
			l.writes = append(l.writes, fmt.Sprintf("apply %T", wanted))

			return c.Apply(ctx, wanted, o...)
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

func (l *lab) failing(call string) error {
	if l.fails == nil {
		return nil
	}

	return l.fails(call)
}
