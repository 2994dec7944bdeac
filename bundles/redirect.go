// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/yaml"
)

// questionsAtOnce is how many charts a registry is asked for side by side.
const questionsAtOnce = 8

// Redirect makes source the place of every chart of the plan that is not ours: a mirror, or a repository on this host. It is
// the URL of an HTTP repository, or of an OCI one: oci://harbor.example.org/charts, or oci+http:// for a registry without
// TLS, where each chart is in the repository of its name below. A package of plain manifests keeps them, unless the source
// has a chart of its name and version. Digests are those of the source from then on. Every chart that is not there is a
// problem, and then nothing of the plan is changed.
func (s *Shelf) Redirect(ctx context.Context, plan *Plan, source string) error {
	return s.redirect(ctx, plan, source, func(p Package) bool { return len(p.Chart.Manifests) == 0 })
}

// RedirectAll is Redirect where nothing else can be reached, as with an archive: a package of plain manifests that the source
// has no chart of is a problem too.
func (s *Shelf) RedirectAll(ctx context.Context, plan *Plan, source string) error {
	return s.redirect(ctx, plan, source, func(Package) bool { return true })
}

// RedirectAnyhow is Redirect where a chart that the source lacks is no problem yet: its package leads there all the same, with its own
// digest, so that it is Archive that says that it can't be had. A package of plain manifests that the source has no chart of goes on
// to its own URLs. A source that can't be asked at all is an error.
func (s *Shelf) RedirectAnyhow(ctx context.Context, plan *Plan, source string) error {
	there, err := s.chartsOf(ctx, plan, source)
	if err != nil {
		return err
	}
	for i, p := range plan.Packages {
		at, has := there[p.Chart.Name+" "+p.Chart.Version]
		switch {
		case p.Chart.Embedded != "":
		case has:
			plan.Packages[i].Chart = at
		case len(p.Chart.Manifests) == 0:
			plan.Packages[i].Chart.Repository = source
		}
	}
	return nil
}

// redirect is Redirect; must says of a package that its chart has to be in the source.
func (s *Shelf) redirect(ctx context.Context, plan *Plan, source string, must func(Package) bool) error {
	there, err := s.chartsOf(ctx, plan, source)
	if err != nil {
		return err
	}
	missing := &Problems{}
	changed := map[int]Chart{}
	for i, p := range plan.Packages {
		if p.Chart.Embedded != "" {
			continue
		}
		at, has := there[p.Chart.Name+" "+p.Chart.Version]
		switch {
		case has:
			changed[i] = at
		case must(p):
			missing.add(packageFile(p.Name), "chart", p.Chart.Name+" "+p.Chart.Version, "not in chart source %s", source)
		}
	}
	if err := missing.err(); err != nil {
		return err
	}
	for i, chart := range changed {
		plan.Packages[i].Chart = chart
	}
	return nil
}

// CheckChartSource reports what is wrong with the URL of a chart source, without asking it.
func CheckChartSource(source string) error {
	parsed, err := url.Parse(source)
	switch {
	case err == nil && parsed.User != nil:
		return errors.New("chart source: a login in its URL would be in the cluster for everybody to read; name one that needs none")
	case !isURL(source, "http", "https", "oci", "oci+http"):
		return fmt.Errorf("chart source %q: not the http(s), oci or oci+http URL of a chart repository", source)
	}
	return nil
}

// chartsOf gives those charts of a plan that a source has, by name and version.
func (s *Shelf) chartsOf(ctx context.Context, plan *Plan, source string) (map[string]Chart, error) {
	if err := CheckChartSource(source); err != nil {
		return nil, err
	}
	client, find := s.web, findInIndex
	if c := (Chart{Repository: source}); c.IsOCI() {
		client, find = s.asking(c), findInRegistry
	}
	var charts []Chart
	for _, p := range plan.Packages {
		if p.Chart.Embedded == "" {
			charts = append(charts, Chart{Repository: source, Name: p.Chart.Name, Version: p.Chart.Version})
		}
	}
	return find(ctx, client, source, charts)
}

// findInIndex gives the charts that an HTTP repository has, by name and version.
func findInIndex(ctx context.Context, client *http.Client, source string, charts []Chart) (map[string]Chart, error) {
	base, err := url.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("chart source %q: %w", source, err)
	}
	raw, err := download(ctx, client, strings.TrimSuffix(source, "/")+"/index.yaml", maxIndex)
	if err != nil {
		return nil, fmt.Errorf("read the index of chart source %s: %w", base.Redacted(), err)
	}
	var index struct {
		Entries map[string][]indexEntry `json:"entries"`
	}
	if err := yaml.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("chart source %s: index.yaml: %w", base.Redacted(), err)
	}
	there := map[string]Chart{}
	for _, c := range charts {
		for _, entry := range index.Entries[c.Name] {
			if entry.Version == c.Version {
				there[c.Name+" "+c.Version] = c
			}
		}
	}
	return there, nil
}

// findInRegistry gives the charts that an OCI registry has, by name and version, each with the digest it has now.
func findInRegistry(ctx context.Context, client *http.Client, source string, charts []Chart) (map[string]Chart, error) {
	found := make([]*Chart, len(charts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(questionsAtOnce)
	for i, c := range charts {
		group.Go(func() error {
			place, err := openOCI(client, c)
			if err != nil {
				return err
			}
			manifest, err := place.find(ctx)
			if isAbsent(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("chart source %s: ask for %s %s: %w", source, c.Name, c.Version, err)
			}
			c.Digest = manifest.Digest.Encoded()
			found[i] = &c
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	there := map[string]Chart{}
	for _, c := range found {
		if c != nil {
			there[c.Name+" "+c.Version] = *c
		}
	}
	return there, nil
}
