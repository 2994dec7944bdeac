// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
)

// savedDir is where, in the work directory, images are kept while an archive is made. It may be removed at any time.
const savedDir = "archive-cache"

// chartsAtOnce is how many charts are downloaded side by side.
const chartsAtOnce = 4

// SaveOptions says what is saved, beside the site's bundle.
type SaveOptions struct {
	// Options are those of a bring-up. Site, WorkDir, ControllerImage, ChartSource and AssetsDir are used.
	Options Options
	// File is the archive.
	File string
	// Platforms are linux/amd64 or linux/arm64. Empty: those of the site's nodes, or linux/amd64 where it names none.
	Platforms []string
	// ImageSource is a registry that has all images, as archive.Saving has it. Empty: each its own.
	ImageSource string
	// Images are more of them.
	Images []string
	// Allow is what registries are trusted with beyond TLS, beside what the site file says.
	Allow archive.Exceptions
	// Key signs the archive; nil: it is not signed.
	Key *archive.Key
	Say func(string)
}

// SaveBundle writes everything that a site needs of the network into one file: charts, images, and what its machines boot. All
// that can't be had is told at once, as an *archive.IncompleteError. It may be interrupted and run again.
func SaveBundle(ctx context.Context, o SaveOptions) (out archive.Saved, err error) {
	controller, noController, err := o.savedController(ctx)
	if err != nil {
		return archive.Saved{}, err
	}
	o.Options = controller
	dir, err := workdir.Open(o.Options.WorkDir)
	if err != nil {
		return archive.Saved{}, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := newBringup(o.Options, dir)
	if err != nil {
		return archive.Saved{}, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return b.save(ctx, o, noController)
}

// save writes the archive of the plan.
func (b *bringup) save(ctx context.Context, o SaveOptions, noController []error) (_ archive.Saved, err error) {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	s := archive.Saving{
		Contents: archive.Contents{Bundle: b.plan.Bundle, Platforms: o.platforms()},
		Cache:    b.dir.Path(savedDir), Source: o.ImageSource, Key: o.Key, Say: o.Say, Missing: noController, Allow: o.Allow,
	}
	s.Allow.PlainHTTP = append(plainHosts(b.site), s.Allow.PlainHTTP...)
	images := imageList{}
	images.add("--image", o.Images...)
	if err := b.saveTalos(ctx, o, &s, images); err != nil {
		return archive.Saved{}, err
	}
	if err := b.saveCharts(ctx, o, &s, images); err != nil {
		return archive.Saved{}, err
	}
	if len(noController) > 0 {
		images.drop(controllerPackage) // the chart's own is nowhere
	}
	if s.Contents.Controller, err = b.controllerName(); err != nil {
		return archive.Saved{}, err
	}
	if made := b.opts.made; made != nil {
		delete(images, made.Reference())
		s.Made = append(s.Made, archive.MadeImage{Name: made.Reference(), Index: made.Index})
		s.Contents.Program = made.Version
	}
	s.Images = images.wanted()
	return archive.Save(ctx, s, o.File)
}

func (o SaveOptions) platforms() []string {
	if len(o.Platforms) > 0 {
		return o.Platforms
	}
	if out := platformsOf(o.Options.Site); len(out) > 0 {
		return out
	}
	return []string{"linux/amd64"}
}

// saveTalos adds what machines boot and what Talos runs. A hosted bundle needs nothing of it.
func (b *bringup) saveTalos(ctx context.Context, o SaveOptions, s *archive.Saving, images imageList) error {
	if b.site.Hosted() {
		return nil
	}
	id, _, err := b.schematic()
	if err != nil {
		return err
	}
	s.Contents.Talos, s.Contents.Schematic, s.Contents.Kubernetes = b.site.Talos.Version, id, b.site.Kubernetes.Version
	for _, err := range b.talosNeeds(images, o.Images) {
		s.Missing = append(s.Missing, &archive.MissingError{What: "images", For: []string{"Talos"}, Err: err})
	}
	assets, err := b.bootAssets(ctx, o.Say)
	if err != nil {
		s.Missing = append(s.Missing, &archive.MissingError{What: "boot assets", For: []string{"the site's machines"}, Err: err})
		return ctx.Err()
	}
	for arch, set := range assets.Sets {
		for _, name := range []string{set.Kernel, set.Initramfs, set.UKI} {
			if name != "" {
				s.Assets = append(s.Assets, filepath.Join(assets.Dir, name))
			}
		}
		cmdline := filepath.Join(assets.Dir, "cmdline-metal-"+arch)
		if _, err := os.Stat(cmdline); err == nil { // a directory of the operator's may lack it
			s.Assets = append(s.Assets, cmdline)
		}
	}
	slices.Sort(s.Assets)
	return nil
}

// saveCharts adds the charts of all packages but our own, which are in the program, and the images of all.
func (b *bringup) saveCharts(ctx context.Context, o SaveOptions, s *archive.Saving, images imageList) error {
	if err := b.takeChartSource(ctx); err != nil {
		return err
	}
	o.Say(fmt.Sprintf("getting the charts of %d packages", len(b.plan.Packages)))
	kubernetes := b.renderedFor()
	charts, used := make([][]byte, len(b.plan.Packages)), make([][]string, len(b.plan.Packages))
	missing := make([]error, len(b.plan.Packages))
	var group errgroup.Group
	group.SetLimit(chartsAtOnce)
	for i, p := range b.plan.Packages {
		group.Go(func() error {
			packed, err := b.shelf.Archive(ctx, p)
			if err == nil {
				charts[i] = packed
				used[i], err = bundles.Images(ctx, p, packed, kubernetes)
			}
			if err != nil {
				missing[i] = &archive.MissingError{What: "chart " + p.Chart.ChartName() + " " + p.Chart.Version, For: []string{p.Name}, Err: err}
			}
			return nil
		})
	}
	_ = group.Wait() // errors are in missing
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range missing {
		if err != nil {
			s.Missing = append(s.Missing, err)
		}
	}
	for i, p := range b.plan.Packages {
		if missing[i] != nil {
			images.add(p.Name, p.Images...)
			continue
		}
		images.add(p.Name, used[i]...)
		if p.Chart.Embedded == "" {
			s.Charts = append(s.Charts, archive.PackedChart{Name: p.Chart.Name, Version: p.Chart.Version, Archive: charts[i]})
		}
	}
	return nil
}

// renderedFor is the version of Kubernetes that charts are told. A hosted bundle's cluster is not asked: it may be out of
// reach where there is a network.
func (b *bringup) renderedFor() string {
	if !b.site.Hosted() {
		return b.site.Kubernetes.Version
	}
	defaults := &site.Site{Bundle: site.PaaSFull}
	site.SetDefaults(defaults)
	return defaults.Kubernetes.Version
}

// imageList is who needs which image, by its complete name.
type imageList map[string][]string

func (l imageList) add(by string, names ...string) {
	for _, name := range names {
		if image, err := archive.ParseImage(name); err == nil {
			name = image.String()
		} // else Save tells
		if !slices.Contains(l[name], by) {
			l[name] = append(l[name], by)
		}
	}
}

// drop takes out what only one package needs.
func (l imageList) drop(by string) {
	for name, needers := range l {
		if l[name] = slices.DeleteFunc(needers, func(one string) bool { return one == by }); len(l[name]) == 0 {
			delete(l, name)
		}
	}
}

func (l imageList) wanted() []archive.WantedImage {
	out := make([]archive.WantedImage, 0, len(l))
	for name, by := range l {
		out = append(out, archive.WantedImage{Name: name, For: by})
	}
	slices.SortFunc(out, func(a, b archive.WantedImage) int { return strings.Compare(a.Name, b.Name) })
	return out
}
