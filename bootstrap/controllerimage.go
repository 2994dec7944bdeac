// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
)

// controllerPackage is the package whose image is made from this repository, and imageValue the value that names it.
const (
	controllerPackage = "cozy-controller"
	imageValue        = "image"
)

// NoControllerImageError says that an existing cluster would be told to pull an image that is nowhere.
type NoControllerImageError struct{}

func (*NoControllerImageError) Error() string {
	return "this build of cozy-install names no published image of cozy-controller, and the cluster needs one"
}

// Hint tells the ways to have one.
func (*NoControllerImageError) Hint() string {
	return "cozy-install image push REGISTRY/REPOSITORY, or for kind: cozy-install image save --to FILE and kind load image-archive FILE; " +
		"then give what it answers as --controller-image, or as packages.values.cozy-controller.image in the site file"
}

// withControllerImage decides which image of cozy-controller is installed: the one that was named; the site file's; the
// archive's; one made of the programs beside cozy-install where the site's bastion serves it. For an existing cluster there must
// be one.
func (o Options) withControllerImage(ctx context.Context) (Options, error) {
	switch {
	case o.ControllerImage != "" || siteControllerImage(o.Site) != "":
		return o, nil
	case o.archived != nil:
		return o.withArchivedController(ctx)
	case o.Site.Hosted():
		return o, &NoControllerImageError{}
	case o.Site.Registries.Bastion == nil:
		o.log().WarnContext(ctx, "this build names no published image of cozy-controller: nodes will look for the chart's",
			"hint", "serve one with cozy-install bundle serve and registries.bastion, or name one with --controller-image")
		return o, nil
	}
	image, err := archive.BuildController(ctx, o.ControllerBinaries)
	if err != nil {
		return o, err
	}
	o.ControllerImage, o.made = image.Reference(), image
	return o, nil
}

// withArchivedController takes the image that the archive holds. Where it holds none, or one of another version's programs, one
// is made; and where that can't be, noController says why.
func (o Options) withArchivedController(ctx context.Context) (Options, error) {
	c, version := o.archived.Contents, o.ControllerBinaries.Version
	if c.Controller != "" && (c.Program == "" || c.Program == version) {
		o.ControllerImage = c.Controller
		return o, nil
	}
	why := errors.New("it has no image of cozy-controller")
	if c.Controller != "" {
		why = fmt.Errorf("its image of cozy-controller is of version %s, and cozy-install of %s", c.Program, version)
	}
	image, err := archive.BuildController(ctx, o.ControllerBinaries)
	if unable := (*archive.BinariesError)(nil); errors.As(err, &unable) {
		o.noController = fmt.Errorf("%w, and none can be made: %w", why, err)
		return o, nil
	}
	if err != nil {
		return o, err
	}
	o.ControllerImage, o.made = image.Reference(), image
	return o, nil
}

// assertControllerServed makes sure that the bastion's registry has the image that nodes are told to pull from it.
func (o Options) assertControllerServed(ctx context.Context) error {
	root, is := o.archived.controllerRoot(o.ControllerImage)
	if o.made != nil {
		root, is = o.made.Root(), true
	}
	if !is {
		return nil
	}
	return archive.Holds(ctx, o.Site.Registries.Bastion.Address, []archive.Root{root})
}

// storeController puts the image into the store of the bastion's registry. Nil: it comes from elsewhere.
func storeController(ctx context.Context, store *archive.Store, image *archive.ControllerImage) error {
	if image == nil {
		return nil
	}
	_, err := store.Load(ctx, image, []archive.Root{image.Root()}, nil)
	return err
}

func siteControllerImage(s *site.Site) string {
	image, _ := s.Packages.Values[controllerPackage][imageValue].(string)
	return image
}

// controllerFact is the image that a plan has: empty means the chart's own. Without a digest it says where the image comes
// from, which is all that machine configs depend on.
func controllerFact(s *site.Site, named string) string {
	if named == "" && siteControllerImage(s) == "" && s.Registries.Bastion != nil {
		return archive.ControllerRepository
	}
	return named
}

// valuesWithout are the values of the site file without its image of cozy-controller, where another one was named: flags
// override the file.
func valuesWithout(s *site.Site, named string) map[string]map[string]any {
	if named == "" || siteControllerImage(s) == "" {
		return s.Packages.Values
	}
	out := maps.Clone(s.Packages.Values)
	out[controllerPackage] = maps.Clone(out[controllerPackage])
	delete(out[controllerPackage], imageValue)
	return out
}

// nameControllerImage makes the plan list the image that is really installed.
func nameControllerImage(plan *bundles.Plan) {
	for i, p := range plan.Packages {
		if image, ok := p.Values[imageValue].(string); ok && p.Name == controllerPackage {
			plan.Packages[i].Images = []string{image}
		}
	}
}
