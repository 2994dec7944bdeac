// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"github.com/cozystack/cozy-install/bundles"
)

// checkValues looks for the images that charts render with the values of the site file, which may have changed since the archive of
// an earlier run was loaded. The charts come from where the plan has them now. Packages without such values are as they were.
func (b *bringup) checkValues(ctx context.Context) error {
	a := b.opts.archived
	if a == nil || a.open != nil {
		return nil
	}
	images := imageList{}
	for _, p := range b.plan.Packages {
		if p.Chart.Embedded != "" || len(b.site.Packages.Values[p.Name]) == 0 {
			continue
		}
		packed, err := b.shelf.Archive(ctx, p)
		if err != nil {
			return fmt.Errorf("package %s: %w", p.Name, err)
		}
		used, err := bundles.Images(ctx, p, packed, b.renderedFor())
		if err != nil {
			return fmt.Errorf("package %s: %w", p.Name, err)
		}
		images.add(p.Name, used...)
	}
	if wrong := lackingImages(images, a.Contents, platformsOf(b.site)); len(wrong) > 0 {
		return &StaleArchiveError{File: a.File, Wrong: wrong}
	}
	return nil
}
