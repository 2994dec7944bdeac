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
	guard  Guard
}

// Guard gives how a registry is asked for charts. The registry is a host, with a port where it has one; plain says that it has no
// TLS. A nil network is the real one.
type Guard func(registry string, plain bool, network http.RoundTripper) http.RoundTripper

// NewShelf makes a Shelf of our own charts and of what web can reach; nil means http.DefaultClient.
func NewShelf(charts Charts, web *http.Client) *Shelf {
	if web == nil {
		web = http.DefaultClient
	}
	return &Shelf{charts: charts, web: web}
}

// Guarded is the shelf whose registries are asked by way of a guard. Repositories with an index are not: they get no login.
func (s *Shelf) Guarded(by Guard) *Shelf { return &Shelf{charts: s.charts, web: s.web, guard: by} }

// asking is the client of a chart's registry.
func (s *Shelf) asking(c Chart) *http.Client {
	if s.guard == nil {
		return s.web
	}
	return &http.Client{Transport: s.guard(c.registryHost(), c.isPlainHTTP(), s.web.Transport)}
}

// Archive is the chart of a package, checked against the digest that the package or the repository's index names.
func (s *Shelf) Archive(ctx context.Context, p Package) ([]byte, error) {
	switch c := p.Chart; {
	case c.Embedded != "":
		return s.charts.Archive(c.Embedded)
	case len(c.Manifests) > 0:
		return s.wrapped(ctx, p)
	case c.IsOCI():
		return fetchOCI(ctx, s.asking(c), c)
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
