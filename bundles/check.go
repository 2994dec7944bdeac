// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
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
	checkEdges(p, catalog, problem)
	checkCRDs(p, problem)
	checkPatches(p, problem)
	checkValueSources(p, catalog, problem)
	checkDefaultsNeed(p, catalog, problem)
	checkHealth(p, problem)
	checkTalos(p.Talos, "talos", problem)
	checkNodeSteps(p.NodeRemoval, problem)
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
	for _, other := range sortedKeys(p.With) {
		checkKnown(p, catalog, "with."+other+".values", p.With[other].Values, problem)
	}
	checkKnown(p, catalog, "values", p.Values, problem)
	for _, platform := range sortedKeys(p.ValuesByPlatform) {
		checkKnown(p, catalog, "valuesByPlatform."+platform, p.ValuesByPlatform[platform], problem)
	}
	for _, bundle := range sortedKeys(p.ValuesByBundle) {
		checkKnown(p, catalog, "valuesByBundle."+bundle, p.ValuesByBundle[bundle], problem)
	}
	checkVolumes(p, catalog, problem)
	for _, path := range sortedKeys(p.FromSite) {
		checkKnown(p, catalog, "fromSite", nest(splitPath(path), nil), problem)
		if slices.Contains(strings.Split(path, "."), "") {
			problem("fromSite", path, "not the dotted path of a value")
		}
		if fact := p.FromSite[path]; !slices.Contains(knownFacts(), fact) {
			problem("fromSite."+path, fact, "no such fact%s", didYouMean(fact, knownFacts()))
		}
	}
}

// checkKnown holds values against what is known of an upstream chart. Those of our own charts have schemas.
func checkKnown(p *Package, catalog *Catalog, at string, values map[string]any, problem report) {
	if len(p.Chart.Manifests) > 0 && len(values) > 0 {
		problem(at, nil, takesNoValues)
	}
	if known := catalog.known(p.Chart); known != nil {
		known.check(values, func(path []string, rule string) { problem(at+"."+strings.Join(path, "."), nil, "%s", rule) })
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
