// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles/archive"
)

// controllerFlags choose the image of cozy-controller.
type controllerFlags struct {
	image    string
	binaries binariesFlag
}

func (f *controllerFlags) add(c *cobra.Command) {
	addControllerImage(c, &f.image)
	f.binaries.add(c)
}

func addControllerImage(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "controller-image", "",
		"the image of cozy-controller (default: packages.values.cozy-controller.image of the site file, or the release's)")
}

// choose gives the image that is named: by the flag, else by the site file, which is left to those who read it, else by the
// release. It is empty if none is, or the site file's.
func (f *controllerFlags) choose(streams Streams, s *site.Site) (string, archive.ControllerBinaries, error) {
	binaries, err := f.binaries.binaries(streams.version)
	return releaseImage(f.image, streams.Published, s), binaries, err
}

func releaseImage(flag, published string, s *site.Site) string {
	if _, ok := s.Packages.Values["cozy-controller"]["image"]; flag == "" && !ok {
		return published
	}
	return flag
}
