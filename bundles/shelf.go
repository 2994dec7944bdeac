// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
)

// maxManifest bounds one file of plain manifests. The largest known, of the Gateway API, has 1.2 MiB.
const maxManifest = 16 << 20

// Shelf gets packed charts: our own, those of repositories, and those that are made of plain manifests.
type Shelf struct {
	charts Charts
	web    *http.Client
}

// NewShelf makes a Shelf of our own charts and of what web can reach; nil means http.DefaultClient.
func NewShelf(charts Charts, web *http.Client) *Shelf {
	if web == nil {
		web = http.DefaultClient
	}
	return &Shelf{charts: charts, web: web}
}

// Archive is the chart of a package, checked against the digest that the package or the repository's index names.
func (s *Shelf) Archive(ctx context.Context, p Package) ([]byte, error) {
	switch c := p.Chart; {
	case c.Embedded != "":
		return s.charts.Archive(c.Embedded)
	case len(c.Manifests) > 0:
		return s.wrapped(ctx, p)
	case c.IsOCI():
		return fetchOCI(ctx, s.web, c)
	default:
		return fetchChart(ctx, s.web, c)
	}
}

func (s *Shelf) wrapped(ctx context.Context, p Package) ([]byte, error) {
	var manifests [][]byte
	for _, m := range p.Chart.Manifests {
		content, err := download(ctx, s.web, m.URL, maxManifest)
		if err != nil {
			return nil, fmt.Errorf("download a manifest of %s: %w", p.Name, err)
		}
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); m.Digest != "" && got != m.Digest {
			return nil, fmt.Errorf("manifest %s: SHA-256 is %s, want %s", m.URL, got, m.Digest)
		}
		manifests = append(manifests, content)
	}
	files, err := wrap(p, manifests)
	if err != nil {
		return nil, err
	}
	return s.charts.Pack(files)
}
