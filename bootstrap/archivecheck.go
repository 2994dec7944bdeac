// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/talos"
)

// UnfitArchiveError lists everything in which an archive is not what a site needs. Nothing was touched.
type UnfitArchiveError struct {
	File  string
	Wrong []error
	// Save is the command that makes one that fits.
	Save string
}

func (e *UnfitArchiveError) Error() string {
	return fmt.Sprintf("archive %s is not what the site needs:%s", e.File, lineEach(e.Wrong))
}

// lineEach is errors, each on a line of its own.
func lineEach(errs []error) string {
	var b strings.Builder
	for _, one := range errs {
		b.WriteString("\n  " + one.Error())
	}
	return b.String()
}

// Unwrap gives all of them.
func (e *UnfitArchiveError) Unwrap() []error { return e.Wrong }

// Hint says how to make one.
func (e *UnfitArchiveError) Hint() string {
	return "where there is a network, and with this site file: " + e.Save
}

// checkArchive lists everything in which the archive of this run is not for this site, and all that it lacks. Of that of an earlier
// run it is known what it has, but not what its charts render: see checkValues. Without packages only what machines need is
// looked for.
func (b *bringup) checkArchive(ctx context.Context, packages bool) error {
	a := b.opts.archived
	wrong, err := b.differences(a.Contents)
	if err != nil {
		return err
	}
	var unknown *talos.UnknownImagesError
	if a.Contents.Bundle == b.plan.Bundle { // else all that follows is another
		lacks, err := b.lacks(ctx, a, packages)
		if err != nil {
			return err
		}
		wrong = append(wrong, lacks...)
		errors.As(errors.Join(lacks...), &unknown)
	}
	if len(wrong) == 0 {
		return nil
	}
	if a.open == nil {
		return &StaleArchiveError{File: a.File, Wrong: wrong}
	}
	return &UnfitArchiveError{File: a.File, Wrong: wrong, Save: b.saveCommand(unknown)}
}

// differences are what an archive says of itself and the site does not: the choices that it was saved for.
func (b *bringup) differences(c archive.Contents) ([]error, error) {
	var out []error
	differs := func(what, is, want string) {
		if is != want {
			out = append(out, fmt.Errorf("it was saved for %s %q, and the site has %q", what, is, want))
		}
	}
	differs("the bundle", c.Bundle, b.plan.Bundle)
	if b.site.Hosted() {
		return out, nil
	}
	id, _, err := b.schematic()
	if err != nil {
		return nil, err
	}
	differs("Talos", c.Talos, b.site.Talos.Version)
	differs("other extensions or kernel arguments, schematic", c.Schematic, id)
	differs("Kubernetes", c.Kubernetes, b.site.Kubernetes.Version)
	for _, platform := range platformsOf(b.site) {
		if !slices.Contains(c.Platforms, platform) {
			out = append(out, fmt.Errorf("it has nothing for %s, which nodes of the site are", platform))
		}
	}
	return out, nil
}

// lacks are the parts that the site needs and that the archive does not have.
func (b *bringup) lacks(ctx context.Context, a *usedArchive, packages bool) (out []error, err error) {
	images := imageList{}
	if packages {
		if out, err = b.archivedCharts(ctx, a, images); err != nil {
			return nil, err
		}
	}
	if packages && b.opts.noController != nil {
		images.drop(controllerPackage)
		out = append(out, b.opts.noController)
	}
	if made := b.opts.made; made != nil {
		delete(images, made.Reference())
	}
	if !b.site.Hosted() {
		out = append(out, b.talosNeeds(images, a.images())...)
		if b.site.Netboot.Mode != site.ModeOff && b.opts.AssetsDir == "" {
			if err := wantedAssets(b.site).Lacking(assetNames(a.Contents)); err != nil {
				out = append(out, err)
			}
		}
	}
	return append(out, lackingImages(images, a.Contents, platformsOf(b.site))...), nil
}

func assetNames(c archive.Contents) []string {
	out := make([]string, len(c.Assets))
	for i, asset := range c.Assets {
		out[i] = asset.Name
	}
	return out
}

// talosNeeds adds the images that machines run by themselves, and returns what nobody knows and nobody named.
func (b *bringup) talosNeeds(images imageList, named []string) []error {
	id, _, err := b.schematic()
	if err != nil {
		return []error{err}
	}
	images.add("Talos's installer", installImage(b.site.Talos, id))
	system, err := talos.SystemImages(b.site.Talos.Version, b.site.Kubernetes.Version, !b.plan.Talos.DisableKubeProxy)
	images.add("Talos", system...)
	if unknown := (*talos.UnknownImagesError)(nil); errors.As(err, &unknown) {
		err = unknown.Without(named)
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// archivedCharts adds the images of all packages, as the archive's charts render them for this site, and returns the charts that
// it does not have. Of a chart that only a chart source has, and of all of an archive that is not open, it takes what the
// package lists.
func (b *bringup) archivedCharts(ctx context.Context, a *usedArchive, images imageList) ([]error, error) {
	used, lacks := make([][]string, len(b.plan.Packages)), make([]error, len(b.plan.Packages))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(chartsAtOnce)
	for i, p := range b.plan.Packages {
		has := p.Chart.Embedded != "" || a.Contents.HasChart(p.Chart.Name, p.Chart.Version)
		if !has && b.opts.ChartSource == "" {
			lacks[i] = fmt.Errorf("it has no chart %s %s, for package %s", p.Chart.Name, p.Chart.Version, p.Name)
		}
		if !has || (p.Chart.Embedded == "" && a.open == nil) {
			images.add(p.Name, p.Images...)
			continue
		}
		group.Go(func() (err error) {
			var packed []byte
			if p.Chart.Embedded != "" {
				packed, err = b.shelf.Archive(ctx, p)
			} else {
				packed, err = a.open.Chart(p.Chart.Name, p.Chart.Version)
			}
			if err == nil {
				used[i], err = bundles.Images(ctx, p, packed, b.renderedFor())
			}
			if err != nil {
				return fmt.Errorf("archive %s: package %s: %w", a.File, p.Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, p := range b.plan.Packages {
		images.add(p.Name, used[i]...)
	}
	return slices.DeleteFunc(lacks, func(err error) bool { return err == nil }), nil
}

// lackingImages names each image that is not there, or not for a platform.
func lackingImages(images imageList, c archive.Contents, platforms []string) []error {
	var out []error
	for _, wanted := range images.wanted() {
		by := strings.Join(wanted.For, ", ")
		saved, has := c.Image(wanted.Name)
		if !has {
			out = append(out, fmt.Errorf("it has no image %s, for %s", wanted.Name, by))
			continue
		}
		for _, platform := range saved.Lacks {
			if slices.Contains(platforms, platform) {
				out = append(out, fmt.Errorf("it has image %s, for %s, but not for %s", wanted.Name, by, platform))
			}
		}
	}
	return out
}

// platformsOf are those of the site's nodes, ordered. Those of an existing cluster are not known: none.
func platformsOf(s *site.Site) []string {
	var out []string
	for _, node := range s.Nodes {
		out = append(out, "linux/"+node.Arch)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// saveCommand makes an archive that this site can be brought up from.
func (b *bringup) saveCommand(unknown *talos.UnknownImagesError) string {
	command := "cozy-install bundle save --to FILE"
	if a := b.opts.archived; a != nil && a.trust.Key != nil {
		command += " --key KEY" // of which the public one is known: an archive without a signature would be refused
	}
	named := b.opts.ControllerImage
	isMade := b.opts.made != nil || strings.HasPrefix(named, archive.ControllerRepository) // bundle save makes it, and it can't be pulled
	if named != "" && !isMade && named != siteControllerImage(b.site) {
		command += " --controller-image " + named
	}
	if unknown != nil {
		for _, repository := range unknown.Repositories {
			command += " --image " + repository + ":VERSION"
		}
	}
	return command
}
