// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// maxRelease is Helm's limit for release names. Flux's HelmRelease has the package's name, and labels made of it.
const maxRelease = 53

// checkPackage checks what one package says by itself, and that the packages it names exist. The name of the file is the
// name under which p stands in the catalog.
func checkPackage(p *Package, catalog *Catalog, found *Problems) {
	file := packageFile(fileName(catalog.packages, p))
	problem := func(path string, value any, rule string, args ...any) { found.add(file, path, value, rule, args...) }

	if file != packageFile(p.Name) {
		problem("name", p.Name, "not the name of the file")
	}
	checkLabel(problem, "name", p.Name, maxRelease)
	checkLabel(problem, "release", p.Release, maxRelease)
	checkLabel(problem, "namespace", p.Namespace, validation.DNS1123LabelMaxLength)
	if p.Title == "" {
		problem("title", nil, "missing")
	}
	checkChart(p.Chart, problem)
	for i, name := range p.DependsOn {
		path := fmt.Sprintf("dependsOn[%d]", i)
		switch _, known := catalog.packages[name]; {
		case name == p.Name:
			problem(path, name, "a package can't depend on itself")
		case !known:
			problem(path, name, "no such package%s", didYouMean(name, sortedKeys(catalog.packages)))
		case slices.Contains(p.DependsOn[:i], name):
			problem(path, name, "stands twice")
		}
	}
	for _, list := range []struct {
		path  string
		names []string
	}{{"provides", p.Provides}, {"needs", p.Needs}, {"presence", p.Presence}} {
		for i, name := range list.names {
			checkCRDName(problem, fmt.Sprintf("%s[%d]", list.path, i), name)
		}
	}
	checkValueSources(p, catalog, problem)
	if p.Health.Timeout.Duration < 0 {
		problem("health.timeout", p.Health.Timeout.Duration.String(), "less than nothing")
	}
	checkTalos(p.Talos, "talos", problem)
	if p.NeedsKubeProxy && p.Talos.DisableKubeProxy {
		problem("needsKubeProxy", true, "the same package disables kube-proxy")
	}
}

// report takes one problem of a file that is known already.
type report func(path string, value any, rule string, args ...any)

func checkLabel(problem report, path, value string, longest int) {
	if errs := validation.IsDNS1123Label(value); len(errs) > 0 {
		problem(path, value, "%s", errs[0])
	} else if len(value) > longest {
		problem(path, value, "%d characters; at most %d are allowed", len(value), longest)
	}
}

func checkCRDName(problem report, path, name string) {
	plural, group, hasGroup := strings.Cut(name, ".")
	if !hasGroup || len(validation.IsDNS1123Label(plural)) > 0 || len(validation.IsDNS1123Subdomain(group)) > 0 {
		problem(path, name, "not the name of a CRD: <plural>.<group>")
	}
}

func checkChart(c Chart, problem report) {
	if c.Embedded != "" {
		if c.Repository != "" || c.Name != "" || c.Version != "" || c.Digest != "" {
			problem("chart", nil, "embedded charts have no repository, name, version or digest")
		}
		return
	}
	if c.Name == "" {
		problem("chart.name", nil, "missing")
	}
	if u, err := url.Parse(c.Repository); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		problem("chart.repository", c.Repository, "not the http(s) URL of a chart repository")
	}
	// Semantic version 2.0: a range would install something else on every day.
	if !regexp.MustCompile(`^v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`).MatchString(c.Version) {
		problem("chart.version", c.Version, "not an exact version")
	}
	if c.Digest != "" && !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(c.Digest) {
		problem("chart.digest", c.Digest, "not a SHA-256 in hexadecimal")
	}
}

func checkValueSources(p *Package, catalog *Catalog, problem report) {
	for _, platform := range sortedKeys(p.ValuesByPlatform) {
		if platform != Talos && platform != Generic {
			problem("valuesByPlatform", platform, "not a platform: %s or %s", Talos, Generic)
		}
	}
	for _, bundle := range sortedKeys(p.ValuesByBundle) {
		if _, known := catalog.sets[bundle]; !known {
			problem("valuesByBundle", bundle, "no such bundle%s", didYouMean(bundle, sortedKeys(catalog.sets)))
		}
	}
	for _, path := range sortedKeys(p.FromSite) {
		if slices.Contains(strings.Split(path, "."), "") {
			problem("fromSite", path, "not the dotted path of a value")
		}
		if fact := p.FromSite[path]; !slices.Contains(knownFacts(), fact) {
			problem("fromSite."+path, fact, "no such fact%s", didYouMean(fact, knownFacts()))
		}
	}
}

func checkTalos(r TalosRequirements, path string, problem report) {
	for i, file := range r.Files {
		at := fmt.Sprintf("%s.files[%d]", path, i)
		if !strings.HasPrefix(file.Path, "/") {
			problem(at+".path", file.Path, "not an absolute path")
		}
		if !slices.Contains([]string{"", "create", "append", "overwrite"}, file.Op) {
			problem(at+".op", file.Op, "not create, append or overwrite")
		}
	}
	if !slices.Contains([]string{"", "none", "flannel", "custom"}, r.CNI) {
		problem(path+".cni", r.CNI, "not none, flannel or custom")
	}
}

func packageFile(name string) string { return "packages/" + name + ".yaml" }

func setFile(name string) string { return "sets/" + name + ".yaml" }

// fileName is the key of value in the catalog, which is what the file is called, whatever the value calls itself.
func fileName[T any](catalog map[string]*T, value *T) string {
	for name, other := range catalog {
		if other == value {
			return name
		}
	}
	return ""
}
