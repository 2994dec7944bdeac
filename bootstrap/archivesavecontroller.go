// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cozystack/cozy-install/bundles/archive"
)

// savedController decides which image of cozy-controller is saved: the one that was named, or the site file's, or one made of the
// programs beside cozy-install. What can't be had is returned as missing: an archive without one brings no site up.
func (o SaveOptions) savedController(ctx context.Context) (out Options, missing []error, err error) {
	out = o.Options
	out.Archive = ArchiveOptions{Online: true} // it is made where there is a network, whatever an earlier run had
	if out.ControllerImage != "" || siteControllerImage(out.Site) != "" {
		return out, nil, nil
	}
	lacks := func(err error) []error {
		return []error{&archive.MissingError{What: "cozy-controller's image", For: []string{controllerPackage}, Err: err}}
	}
	image, err := archive.BuildController(ctx, out.ControllerBinaries)
	if unable := (*archive.BinariesError)(nil); errors.As(err, &unable) {
		return out, lacks(err), nil
	}
	if err != nil {
		return out, nil, err
	}
	for _, platform := range o.platforms() {
		if !slices.Contains(image.Platforms, platform) {
			missing = append(missing, lacks(fmt.Errorf("there is no program for %s in %s", platform, out.ControllerBinaries.Dir))...)
		}
	}
	out.ControllerImage, out.made = image.Reference(), image
	return out, missing, nil
}

// controllerName is the complete name of cozy-controller's image, as the plan has it.
func (b *bringup) controllerName() (string, error) {
	for _, p := range b.plan.Packages {
		if p.Name != controllerPackage || len(p.Images) == 0 {
			continue
		}
		image, err := archive.ParseImage(p.Images[0])
		return image.String(), err
	}
	return "", nil
}
