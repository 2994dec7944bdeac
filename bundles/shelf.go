// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sigs.k8s.io/yaml"
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
		return nil, fmt.Errorf("chart %s %s: %s is an OCI registry, which only Flux can read so far", c.Name, c.Version, c.Repository)
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

// Redirect makes source, the URL of an HTTP repository, the place of every chart of the plan that is not ours: a mirror, or a
// repository on this host. A package of plain manifests keeps them, unless the source has a chart of its name and version.
// Digests are those of the source's index from then on. Every chart that is not there is a problem.
func (s *Shelf) Redirect(ctx context.Context, plan *Plan, source string) error {
	if u, err := url.Parse(source); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("chart source %q: not the http(s) URL of a chart repository", source)
	}
	raw, err := download(ctx, s.web, strings.TrimSuffix(source, "/")+"/index.yaml", maxIndex)
	if err != nil {
		return fmt.Errorf("read the index of chart source %s: %w", source, err)
	}
	var index struct {
		Entries map[string][]indexEntry `json:"entries"`
	}
	if err := yaml.Unmarshal(raw, &index); err != nil {
		return fmt.Errorf("chart source %s: index.yaml: %w", source, err)
	}
	found := &Problems{}
	for i := range plan.Packages {
		c := &plan.Packages[i].Chart
		if c.Embedded != "" {
			continue
		}
		has := false
		for _, entry := range index.Entries[c.Name] {
			has = has || entry.Version == c.Version
		}
		switch {
		case has:
			*c = Chart{Repository: source, Name: c.Name, Version: c.Version}
		case len(c.Manifests) == 0:
			found.add(packageFile(plan.Packages[i].Name), "chart", c.Name+" "+c.Version, "not in chart source %s", source)
		}
	}
	return found.err()
}
