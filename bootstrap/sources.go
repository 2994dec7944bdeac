// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// takeSources makes sure, before anything is touched, that everything a cluster will be told to pull is where it is told to: what
// an archive has, cozy-controller's image, and the charts.
func (b *bringup) takeSources(ctx context.Context) error {
	if b.opts.Archive.Online {
		if err := forgetArchive(b.dir); err != nil {
			return err
		}
	}
	if err := b.takeArchive(ctx, true); err != nil {
		return err
	}
	if err := b.opts.assertControllerServed(ctx); err != nil {
		return err
	}
	if err := b.takeChartSource(ctx); err != nil {
		return err
	}
	return b.checkValues(ctx)
}

// planning is a run that only says what would be done. An archive that is named, or an earlier run's, is held
// against the site, and closed.
func planning(ctx context.Context, o Options) (b *bringup, err error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return nil, err
	}
	b, err = Work{installs: true}.run(ctx, o, dir)
	if err != nil || b.opts.archived == nil {
		return b, err
	}
	defer func() { err = errors.Join(err, b.opts.archived.close()) }()
	return b, b.checkArchive(ctx, true)
}
