// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// checkEdges checks what a package says of others.
func checkEdges(p *Package, catalog *Catalog, problem report) {
	seen := map[string]bool{}
	check := func(path, name string) {
		switch _, known := catalog.packages[name]; {
		case name == p.Name:
			problem(path, name, "names itself")
		case !known:
			problem(path, name, "no such package%s", didYouMean(name, sortedKeys(catalog.packages)))
		case seen[name]:
			problem(path, name, "stands twice")
		}
		seen[name] = true
	}
	for i, name := range p.DependsOn {
		check(fmt.Sprintf("dependsOn[%d]", i), name)
	}
	for i, name := range p.After {
		check(fmt.Sprintf("after[%d]", i), name)
	}
	for i, name := range p.Conflicts {
		if slices.Contains(p.DependsOn, name) {
			problem(fmt.Sprintf("conflicts[%d]", i), name, "the package depends on it")
			continue
		}
		check(fmt.Sprintf("conflicts[%d]", i), name)
	}
	for _, name := range sortedKeys(p.With) {
		if slices.Contains(p.DependsOn, name) {
			problem("with."+name, nil, "it is always there: the package depends on it")
			continue
		}
		check("with."+name, name)
	}
}

func checkCRDs(p *Package, problem report) {
	for i, crd := range p.Provides {
		path := fmt.Sprintf("provides[%d]", i)
		checkCRDName(problem, path+".name", crd.Name)
		if crd.From != FromChart && crd.From != FromRuntime {
			problem(path+".from", crd.From, "not %s or %s", FromChart, FromRuntime)
		}
	}
	lists := map[string][]string{"needs": p.Needs}
	for other, addition := range p.With {
		lists["with."+other+".needs"] = addition.Needs
	}
	for _, path := range sortedKeys(lists) {
		for i, name := range lists[path] {
			checkCRDName(problem, fmt.Sprintf("%s[%d]", path, i), name)
		}
	}
	for i, name := range p.Presence {
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			problem(fmt.Sprintf("presence[%d]", i), name, "not the name of a Deployment")
		}
	}
}

func checkCRDName(problem report, path, name string) {
	plural, group, hasGroup := strings.Cut(name, ".")
	if !hasGroup || len(validation.IsDNS1123Label(plural)) > 0 || len(validation.IsDNS1123Subdomain(group)) > 0 {
		problem(path, name, "not the name of a CRD: <plural>.<group>")
	}
}

func checkPatches(p *Package, problem report) {
	for i, patch := range p.Patches {
		path := fmt.Sprintf("patches[%d]", i)
		if patch.Target.Kind == "" {
			problem(path+".target.kind", nil, "missing")
		}
		if _, err := regexp.Compile(patch.Target.Name); err != nil {
			problem(path+".target.name", patch.Target.Name, "not a regular expression: %v", err)
		}
		if patch.Platform != "" && patch.Platform != Talos && patch.Platform != Generic {
			problem(path+".platform", patch.Platform, "not a platform: %s or %s", Talos, Generic)
		}
		var content any
		if err := yaml.Unmarshal([]byte(patch.Patch), &content); err != nil || content == nil {
			problem(path+".patch", nil, "not YAML with a patch in it")
		}
	}
}

// checkChart checks that a chart is one of the three kinds, and that what it names stays what it is.
func checkChart(c Chart, problem report) {
	if c.Embedded != "" {
		if c.Repository != "" || c.Name != "" || c.Version != "" || c.Digest != "" || len(c.Manifests) > 0 {
			problem("chart", nil, "embedded charts have no repository, manifests, name, version or digest")
		}
		return
	}
	if c.Name == "" {
		problem("chart.name", nil, "missing")
	}
	// Semantic version 2.0: a range would install something else on every day.
	if !regexp.MustCompile(`^v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`).MatchString(c.Version) {
		problem("chart.version", c.Version, "not an exact version")
	}
	if len(c.Manifests) > 0 {
		checkManifests(c, problem)
		return
	}
	if !isURL(c.Repository, "https", "http", "oci") {
		problem("chart.repository", c.Repository, "not the https, http or oci URL of a chart repository")
	}
	if c.Digest != "" && !isDigest(c.Digest) {
		problem("chart.digest", c.Digest, "not a SHA-256 in hexadecimal")
	}
}

func checkManifests(c Chart, problem report) {
	if c.Repository != "" || c.Digest != "" {
		problem("chart", nil, "a chart made of manifests has no repository, and each manifest its own digest")
	}
	for i, manifest := range c.Manifests {
		path := fmt.Sprintf("chart.manifests[%d]", i)
		if !isURL(manifest.URL, "https", "http") {
			problem(path+".url", manifest.URL, "not an http(s) URL")
		}
		if manifest.Digest != "" && !isDigest(manifest.Digest) {
			problem(path+".digest", manifest.Digest, "not a SHA-256 in hexadecimal")
		}
		if manifest.ConfigMap != nil {
			checkInConfigMap(*manifest.ConfigMap, c.Manifests[:i], path+".configMap", problem)
		}
	}
}

// checkInConfigMap checks a file's place, and that no file before has it.
func checkInConfigMap(at InConfigMap, before []Manifest, path string, problem report) {
	if errs := validation.IsDNS1123Subdomain(at.Name); len(errs) > 0 {
		problem(path+".name", at.Name, "%s", errs[0])
	}
	if errs := validation.IsConfigMapKey(at.Key); len(errs) > 0 {
		problem(path+".key", at.Key, "%s", errs[0])
	}
	for _, key := range sortedKeys(at.Labels) {
		if errs := slices.Concat(validation.IsQualifiedName(key), validation.IsValidLabelValue(at.Labels[key])); len(errs) > 0 {
			problem(path+".labels."+key, at.Labels[key], "%s", errs[0])
		}
	}
	for _, key := range sortedKeys(at.Annotations) {
		if errs := validation.IsQualifiedName(key); len(errs) > 0 {
			problem(path+".annotations", key, "%s", errs[0])
		}
	}
	if slices.ContainsFunc(before, func(m Manifest) bool {
		return m.ConfigMap != nil && m.ConfigMap.Name == at.Name && m.ConfigMap.Key == at.Key
	}) {
		problem(path+".key", at.Key, "another file has it in ConfigMap %s", at.Name)
	}
}

func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}

func isDigest(text string) bool { return regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(text) }
