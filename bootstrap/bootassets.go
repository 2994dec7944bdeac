// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/pxe/assets"
)

// bootAssets are the files that the site's machines netboot: those of a directory the operator filled, or the archive's, or the
// factory's.
func (b *bringup) bootAssets(ctx context.Context, say func(string)) (assets.Assets, error) {
	want := wantedAssets(b.site)
	if b.opts.AssetsDir != "" {
		found, err := assets.FromDir(b.opts.AssetsDir, want)
		for _, gap := range found.Gaps() {
			say(gap)
		}
		return found, err
	}
	if b.unreadable != nil {
		return assets.Assets{}, b.unreadable
	}
	if b.opts.archived != nil {
		return b.archivedAssets(want, say)
	}
	id, yaml, err := b.schematic()
	if err != nil {
		return assets.Assets{}, err
	}
	say("boot assets of Talos " + b.site.Talos.Version + " from " + b.site.Talos.Factory)
	return assets.Fetch(ctx, assets.Factory{
		URL: b.site.Talos.Factory, Schematic: yaml, ID: id, Version: b.site.Talos.Version,
		Progress: sayProgress(say), Log: b.log,
	}, want, b.dir.Path(workdir.AssetsDir))
}

// archivedAssets are those of the archive that the site takes everything from. They must be of the site's Talos and schematic.
func (b *bringup) archivedAssets(want assets.Want, say func(string)) (assets.Assets, error) {
	a := b.opts.archived
	id, _, err := b.schematic()
	if err != nil {
		return assets.Assets{}, err
	}
	if c := a.Contents; c.Talos != b.site.Talos.Version || c.Schematic != id {
		return assets.Assets{}, &StaleArchiveError{File: a.File, Wrong: []error{fmt.Errorf(
			"its boot assets are of Talos %s with schematic %s, and the site has %s with %s", c.Talos, c.Schematic, b.site.Talos.Version, id)}}
	}
	if err := want.Lacking(assetNames(a.Contents)); err != nil {
		return assets.Assets{}, &StaleArchiveError{File: a.File, Wrong: []error{err}}
	}
	found, err := assets.FromDir(a.assetsDir(b.dir), want)
	if err != nil { // it had them: they were removed, or never unpacked
		return found, &LostAssetsError{File: a.File, Err: err}
	}
	for _, gap := range found.Gaps() {
		say(gap)
	}
	return found, nil
}

// wantedAssets are for the architectures of a site's nodes.
func wantedAssets(s *site.Site) assets.Want {
	want := assets.Want{SecureBoot: s.Talos.SecureBoot}
	if s.Assets != nil {
		want.Pinned = s.Assets.SHA256
	}
	for _, node := range s.Nodes {
		want.Archs = append(want.Archs, node.Arch)
	}
	return want
}

// sayProgress tells each tenth of a file, so that a log of lines stays readable.
func sayProgress(say func(string)) func(name string, done, total int64) {
	var file string
	var told int64
	return func(name string, done, total int64) {
		if total <= 0 {
			return
		}
		tenth := done * 10 / total
		if name == file && tenth == told {
			return
		}
		file, told = name, tenth
		say(fmt.Sprintf("%s: %s of %s", name, humanize.Bytes(uint64(done)), humanize.Bytes(uint64(total))))
	}
}
