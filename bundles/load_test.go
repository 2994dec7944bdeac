// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestShippedDataLoads(t *testing.T) {
	catalog := load(t, Data())
	require.Contains(t, catalog.Bundles(), "paas-full")
	for _, name := range catalog.Bundles() {
		s, ok := catalog.Bundle(name)
		require.True(t, ok)
		require.NotEmpty(t, s.members(), name)
	}
	used := map[string]bool{}
	for _, name := range catalog.Bundles() {
		s, _ := catalog.Bundle(name)
		for _, member := range s.members() {
			used[member.Name] = true
		}
	}
	for name := range catalog.packages {
		require.True(t, used[name], "package %s is in no bundle", name)
	}
}

func TestReleaseDefaultsToTheName(t *testing.T) {
	catalog := load(t, tree(set("a", "a", "c"), pkg("a"), pkg("c", "release: other")))
	a, _ := catalog.Package("a")
	require.Equal(t, "a", a.Release)
	c, _ := catalog.Package("c")
	require.Equal(t, "other", c.Release)
}

func TestLoadReportsEverythingAtOnce(t *testing.T) {
	_, err := Load(tree(set("zz", "a", "gone"),
		pkg("a", "dependsOn: [a, flanel, flannel]", "needs: [tenants]", "release: Caps"), pkg("flannel", "health: {timeout: -1s}")))
	require.Equal(t, []string{
		`packages/a.yaml: release: "Caps": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
		`packages/a.yaml: dependsOn[0]: "a": names itself`,
		`packages/a.yaml: dependsOn[1]: "flanel": no such package (did you mean "flannel"?)`,
		`packages/a.yaml: needs[0]: "tenants": not the name of a CRD: <plural>.<group>`,
		`packages/flannel.yaml: health.timeout: "-1s": less than nothing`,
		`sets/b.yaml: layers[0].packages[1].name: "gone": no such package`,
		`sets/b.yaml: core[0]: "zz": not a package of this bundle`,
	}, problems(t, err))
}

func TestLoadRefusesBrokenPackages(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"unknown key":         {pkg("a", "dependOn: [x]"), `unknown field "dependOn"`},
		"key twice":           {pkg("a", "title: again"), `key "title" already set`},
		"wrong type":          {pkg("a", "privileged: maybe"), "cannot unmarshal string into Go struct field Package.privileged"},
		"name not the file":   {pkg("a") + "release: a\n" + "description: x\n", ""},
		"no title":            {"name: a\nnamespace: x\nchart: {embedded: a}\n", "title: missing"},
		"no chart":            {"name: a\ntitle: T\nnamespace: x\n", "chart.name: missing"},
		"chart range":         {"name: a\ntitle: T\nnamespace: x\nchart: {repository: https://x.org, name: a, version: 1.x}\n", `chart.version: "1.x": not an exact version`},
		"chart by file":       {"name: a\ntitle: T\nnamespace: x\nchart: {repository: 'file:///x', name: a, version: 1.2.3}\n", "not the https, http or oci URL"},
		"short digest":        {"name: a\ntitle: T\nnamespace: x\nchart: {repository: https://x.org, name: a, version: 1.2.3, digest: abc}\n", "not a SHA-256"},
		"two kinds of chart":  {"name: a\ntitle: T\nnamespace: x\nchart: {embedded: a, version: 1.2.3}\n", "embedded charts have no"},
		"unknown fact":        {pkg("a", "fromSite: {podCIDR: podSubnets}"), `fromSite.podCIDR: "podSubnets": no such fact (did you mean "podSubnet"?)`},
		"empty value path":    {pkg("a", "fromSite: {a..b: domain}"), `"a..b": not the dotted path`},
		"unknown platform":    {pkg("a", "valuesByPlatform: {tallos: {}}"), `"tallos": not a platform`},
		"unknown bundle":      {pkg("a", "valuesByBundle: {c: {}}"), `"c": no such bundle`},
		"relative file":       {pkg("a", "talos: {files: [{path: etc/x, content: ''}]}"), "not an absolute path"},
		"wrong file op":       {pkg("a", "talos: {files: [{path: /etc/x, content: '', op: write}]}"), `"write": not create`},
		"after itself":        {pkg("a", "after: [a]"), "after[0]: \"a\": names itself"},
		"with a stranger":     {pkg("a", "with: {aa: {}}"), `with.aa: "aa": no such package (did you mean "a"?)`},
		"CRD from nowhere":    {pkg("a", "provides: [{name: things.example.org}]"), `provides[0].from: "": not chart or runtime`},
		"CRD of an addition":  {pkg("a", "with: {a: {needs: [things]}}"), "with.a.needs[0]"},
		"odd Deployment":      {pkg("a", "presence: [Helm]"), `presence[0]: "Helm": not the name of a Deployment`},
		"patch of nothing":    {pkg("a", "patches: [{patch: 'a: 1'}]"), "patches[0].target.kind: missing"},
		"patch of a pattern":  {pkg("a", "patches: [{target: {kind: X, name: '('}, patch: 'a: 1'}]"), "not a regular expression"},
		"patch elsewhere":     {pkg("a", "patches: [{target: {kind: X}, platform: moon, patch: 'a: 1'}]"), `"moon": not a platform`},
		"empty patch":         {pkg("a", "patches: [{target: {kind: X}, patch: ''}]"), "not YAML with a patch in it"},
		"manifest by ftp":     {"name: a\ntitle: T\nnamespace: x\nchart: {name: a, version: 1.2.3, manifests: [{url: 'ftp://x/y'}]}\n", "not an http(s) URL"},
		"manifest ill pinned": {"name: a\ntitle: T\nnamespace: x\nchart: {name: a, version: 1.2.3, manifests: [{url: 'https://x/y', digest: abc}]}\n", "chart.manifests[0].digest"},
		"manifest and chart":  {"name: a\ntitle: T\nnamespace: x\nchart: {name: a, version: 1.2.3, repository: 'https://x', manifests: [{url: 'https://x/y'}]}\n", "has no repository"},
		"kube-proxy":          {pkg("a", "needsKubeProxy: true", "talos: {disableKubeProxy: true}"), "the same package disables kube-proxy"},
		"long namespace":      {"name: a\ntitle: T\nnamespace: " + string(make64()) + "\nchart: {embedded: a}\n", "must be no more than 63"},
	} {
		_, err := Load(tree(set("a", "a"), test.text))
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, test.want, name)
	}
	_, err := Load(fstest.MapFS{
		"packages/a.yaml": {Data: []byte(pkg("c"))}, "packages/README.md": {}, "sets/b.yaml": {Data: []byte(set("a", "a"))},
	})
	require.Equal(t, []string{
		"packages/README.md: not a .yaml file", `packages/a.yaml: name: "c": not the name of the file`,
	}, problems(t, err))
}

func make64() []byte {
	out := make([]byte, 64)
	for i := range out {
		out[i] = 'a'
	}
	return out
}

func TestLoadProvesEveryBundle(t *testing.T) {
	crd := "things.example.org"
	for name, test := range map[string]struct {
		bundle   string
		packages []string
		want     string
	}{
		"edge leaves the bundle": {
			set("a", "a", "c"),
			[]string{pkg("a"), pkg("c", "dependsOn: [d]"), pkg("d")},
			`sets/b.yaml: c: needs "d", which is not there`,
		},
		"default needs an optional one": {
			set("a", "a", "c", "d?"),
			[]string{pkg("a"), pkg("c", "dependsOn: [d]"), pkg("d")},
			`sets/b.yaml: c: needs "d", which is not there`,
		},
		"optional one leaves the bundle": {
			set("a", "a", "c?"),
			[]string{pkg("a"), pkg("c", "dependsOn: [d]"), pkg("d")},
			`sets/b.yaml: c: needs "d", which is not there`,
		},
		"circle": {
			set("a", "a", "c", "d", "e"),
			[]string{pkg("a"), pkg("c", "dependsOn: [d]"), pkg("d", "dependsOn: [e]"), pkg("e", "dependsOn: [c]")},
			"depends on itself: c needs d needs e needs c",
		},
		"CRD nobody brings": {
			set("a", "a"),
			[]string{pkg("a", "needs: ["+crd+"]")},
			"a: needs things.example.org, which no package of the bundle brings",
		},
		"CRD twice": {
			set("a", "a", "c"),
			[]string{pkg("a", "provides: [{name: "+crd+", from: chart}]"), pkg("c", "provides: [{name: "+crd+", from: chart}]")},
			`c: brings things.example.org, and so does "a"`,
		},
		"CRD of a sibling": {
			set("a", "a", "c", "d"),
			[]string{pkg("a"), pkg("c", "provides: [{name: "+crd+", from: chart}]"), pkg("d", "needs: ["+crd+"]")},
			`d: needs things.example.org of "c" without depending on it`,
		},
		"core needs a CRD of the rest": {
			set("a", "a", "c"),
			[]string{pkg("a", "needs: ["+crd+"]"), pkg("c", "provides: [{name: "+crd+", from: chart}]")},
			`a: needs things.example.org of "c" without depending on it`,
		},
		"optional core": {set("a", "a?"), []string{pkg("a")}, `core[0]: "a": optional here`},
		"package twice": {set("a", "a", "a"), []string{pkg("a")}, `"a": stands twice`},
		"no core":       {"name: b\ntitle: B\nplatform: talos\nlayers: []\n", []string{pkg("a")}, "core: missing"},
		"talos needs on a generic platform": {
			"name: b\ntitle: B\nplatform: generic\ncore: [a]\nlayers: [{name: l, packages: [{name: a}]}]\n",
			[]string{pkg("a", "talos: {cni: none}")},
			"asks for machine configs",
		},
	} {
		_, err := Load(tree(test.bundle, test.packages...))
		require.ErrorContains(t, err, test.want, name)
		require.Len(t, problems(t, err), 1, name)
	}
}

func TestLoadAcceptsCRDsFromBefore(t *testing.T) {
	crd := "things.example.org"
	for name, packages := range map[string][]string{
		"of a dependency's dependency": {pkg("a"), pkg("c", "provides: [{name: "+crd+", from: chart}]"), pkg("d", "dependsOn: [c]"), pkg("e", "needs: ["+crd+"]", "dependsOn: [d]")},
		"of the core":                  {pkg("a", "provides: [{name: "+crd+", from: chart}]"), pkg("c", "needs: ["+crd+"]"), pkg("d"), pkg("e")},
		"its own":                      {pkg("a"), pkg("c", "provides: [{name: "+crd+", from: chart}]", "needs: ["+crd+"]"), pkg("d"), pkg("e")},
	} {
		_, err := Load(tree(set("a", "a", "c", "d", "e"), packages...))
		require.NoError(t, err, name)
	}
}

// FuzzLoad: no file makes Load panic; what it accepts can be resolved.
func FuzzLoad(f *testing.F) {
	f.Add(pkg("a"), set("a", "a"))
	f.Add(pkg("a", "dependsOn: [a]", "fromSite: {x.y: domain}"), "layers: [{packages: [{}]}]")
	f.Add("null", "- 1")
	f.Fuzz(func(t *testing.T, one, bundle string) {
		catalog, err := Load(fstest.MapFS{"packages/a.yaml": {Data: []byte(one)}, "sets/b.yaml": {Data: []byte(bundle)}})
		if err != nil {
			return
		}
		_, err = Resolve(catalog, "b", Choices{Facts: facts()})
		require.NoError(t, err)
	})
}
