// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"slices"
)

// Images are those of a package: what its file lists, and what its chart renders with its values, in the manifests that it
// keeps for an operator too. Operators start others by themselves, which only the file knows.
func Images(ctx context.Context, p Package, archive []byte, kubernetes string) ([]string, error) {
	objects, err := Render(ctx, p, archive, kubernetes)
	if err != nil {
		return nil, err
	}
	out := append(slices.Clone(p.Images), imagesOf(slices.Concat(objects, keptIn(objects)))...)
	slices.Sort(out)
	return slices.Compact(out), nil
}
