// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeCharts is one chart, a, with a strict schema.
type fakeCharts struct{ schema string }

func (fakeCharts) Version(name string) (string, error) {
	if name != "a" {
		return "", fmt.Errorf("chart %q: not there", name)
	}
	return "1.0.0+00000000", nil
}

func (fakeCharts) Values(string) ([]byte, error) {
	return []byte("image: x\nport: 80\ndeep: {cpu: 1}\n"), nil
}

func (f fakeCharts) Schema(string) ([]byte, error) {
	if f.schema != "" {
		return []byte(f.schema), nil
	}
	return []byte(`{"type": "object", "additionalProperties": false, "required": ["image"], "properties": {
		"image": {"type": "string"}, "port": {"type": "integer", "maximum": 65535}, "podCIDR": {"type": "string"},
		"deep": {"type": "object", "additionalProperties": false, "properties": {"cpu": {}, "memory": {}}}}}`), nil
}
func (fakeCharts) Pack(map[string][]byte) ([]byte, error) { return nil, nil }

func (fakeCharts) Archive(string) ([]byte, error) { return nil, nil }

func TestValuesAreMergedInOrder(t *testing.T) {
	catalog := load(t, tree(set("a", "a"), pkg("a",
		"values: {one: base, two: base, three: base, four: base, five: base, map: {a: 1, b: 1}, list: [1, 2]}",
		"valuesByPlatform: {talos: {two: platform, three: platform, four: platform, five: platform}, generic: {one: wrong}}",
		"valuesByBundle: {b: {three: bundle, four: bundle, five: bundle, map: {b: 2}}}",
		"fromSite: {four: domain, five: domain, new.path: clusterDomain}")))
	plan, err := Resolve(catalog, "b", Choices{Facts: facts(), Values: map[string]map[string]any{
		"a": {"five": "operator", "map": map[string]any{"c": nil}, "list": []any{3}},
	}})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"one": "base", "two": "platform", "three": "bundle", "four": "example.org", "five": "operator",
		"map": map[string]any{"a": 1.0, "b": 2.0, "c": nil}, "list": []any{3},
		"new": map[string]any{"path": "cozy.local"},
	}, plan.Packages[0].Values)
}

func TestMissingFactNeedsAnotherValue(t *testing.T) {
	with := load(t, tree(set("a", "a"), pkg("a", "values: {image: default}", "fromSite: {image: controllerImage}")))
	plan, err := Resolve(with, "b", Choices{})
	require.NoError(t, err)
	require.Equal(t, "default", plan.Packages[0].Values["image"])

	without := load(t, tree(set("a", "a"), pkg("a", "fromSite: {image: controllerImage}")))
	_, err = Resolve(without, "b", Choices{})
	require.Equal(t, []string{
		`packages/a.yaml: fromSite.image: "controllerImage": the site does not say it, and there is no other value`,
	}, problems(t, err))
}

func TestValuesAreCheckedAgainstTheChart(t *testing.T) {
	for name, test := range map[string]struct {
		values string
		chosen map[string]any
		want   []string
	}{
		"fine":                {"{port: 81}", map[string]any{"deep": map[string]any{"memory": "1Gi"}}, nil},
		"default taken away":  {"{}", map[string]any{"port": nil}, nil},
		"operator's key":      {"{}", map[string]any{"imgae": "x"}, []string{`packages.values.a.imgae: the chart knows no such value (did you mean "image"?)`}},
		"operator's deep key": {"{}", map[string]any{"deep": map[string]any{"memroy": 1}}, []string{`packages.values.a.deep.memroy: the chart knows no such value (did you mean "memory"?)`}},
		"operator's type":     {"{}", map[string]any{"port": "http"}, []string{"packages.values.a.port: got string, want integer"}},
		"operator's number":   {"{}", map[string]any{"port": 70000}, []string{"packages.values.a.port: maximum: got 70,000, want 65,535"}},
		"required taken away": {"{}", map[string]any{"image": nil}, []string{"packages/a.yaml: values.: missing property 'image'"}},
		"package's own key":   {"{prot: 1}", nil, []string{`packages/a.yaml: values.prot: the chart knows no such value (did you mean "port"?)`}},
		"several": {"{zzzzzz: 1}", map[string]any{"port": "http", "deep": map[string]any{"x": 1}}, []string{
			`packages.values.a.deep.x: the chart knows no such value`, "packages.values.a.port: got string, want integer",
			`packages/a.yaml: values.zzzzzz: the chart knows no such value`,
		}},
	} {
		catalog := load(t, tree(set("a", "a"), pkg("a", "values: "+test.values)))
		_, err := Resolve(catalog, "b", Choices{Charts: fakeCharts{}, Values: map[string]map[string]any{"a": test.chosen}})
		if test.want == nil {
			require.NoError(t, err, name)
			continue
		}
		require.ElementsMatch(t, test.want, problems(t, err), name)
	}
}

func TestUnknownChartIsReported(t *testing.T) {
	catalog := load(t, tree(set("c", "c"), pkg("c")))
	_, err := Resolve(catalog, "b", Choices{Charts: fakeCharts{}})
	require.ErrorContains(t, err, `packages/c.yaml: chart.embedded: "c": chart "c": not there`)
}

func TestTalosRequirementsAreJoined(t *testing.T) {
	bundle := set("a", "a", "c") + `talos: {sysctls: {x: "1"}, kubeletExtraConfig: {maxPods: 512}, extensions: [siderolabs/zfs]}` + "\n"
	plan, err := Resolve(load(t, tree(bundle,
		pkg("a", `talos: {cni: none, extensions: [siderolabs/drbd, siderolabs/zfs], kernelModules: [{name: drbd, parameters: [p]}], sysctls: {x: "1", z: "2"}}`),
		pkg("c", `talos: {cni: none, disableKubeProxy: true, kernelModules: [{name: drbd, parameters: [p]}, {name: zfs}], files: [{path: /etc/x, content: text}], kernelArgs: [a=b]}`),
	)), "b", Choices{})
	require.NoError(t, err)
	require.Equal(t, TalosRequirements{
		Extensions:    []string{"siderolabs/drbd", "siderolabs/zfs"},
		KernelModules: []KernelModule{{Name: "drbd", Parameters: []string{"p"}}, {Name: "zfs"}},
		Sysctls:       map[string]string{"x": "1", "z": "2"}, Files: []File{{Path: "/etc/x", Content: "text"}},
		KernelArgs: []string{"a=b"}, KubeletExtraConfig: map[string]any{"maxPods": 512.0}, DisableKubeProxy: true, CNI: "none",
	}, plan.Talos)
}

func TestTalosConflictsNameBothSides(t *testing.T) {
	for name, test := range map[string]struct{ a, c, want string }{
		"CNI":        {"talos: {cni: none}", "talos: {cni: flannel}", `CNI: wants "flannel", but packages/a.yaml wants "none"`},
		"sysctl":     {`talos: {sysctls: {x: "1"}}`, `talos: {sysctls: {x: "2"}}`, `sysctl x: wants "2", but packages/a.yaml wants "1"`},
		"module":     {"talos: {kernelModules: [{name: m}]}", "talos: {kernelModules: [{name: m, parameters: [p]}]}", "kernel module m: wants"},
		"file":       {"talos: {files: [{path: /x, content: a}]}", "talos: {files: [{path: /x, content: b}]}", "file /x: wants"},
		"kubelet":    {"talos: {kubeletExtraConfig: {maxPods: 1}}", "talos: {kubeletExtraConfig: {maxPods: 2}}", "kubelet setting maxPods: wants"},
		"kube-proxy": {"needsKubeProxy: true", "talos: {disableKubeProxy: true}", "kube-proxy: wants it disabled, but packages/a.yaml wants it to run"},
	} {
		_, err := Resolve(load(t, tree(set("a", "a", "c"), pkg("a", test.a), pkg("c", test.c))), "b", Choices{})
		require.ErrorContains(t, err, "packages/c.yaml: talos: "+test.want, name)
	}
}

func TestMapsThatLoseTheirLastKeyAreFound(t *testing.T) {
	type m = map[string]any
	for name, test := range map[string]struct {
		before, after m
		want          bool
	}{
		"nothing before":       {nil, m{}, false},
		"same":                 {m{"a": m{"b": 1}}, m{"a": m{"b": 1}}, false},
		"all values":           {m{"a": 1}, m{}, true},
		"all values, nil":      {m{"a": 1}, nil, true},
		"a map":                {m{"a": m{"b": 1}, "c": 1}, m{"a": m{}, "c": 1}, true},
		"a map in a map":       {m{"a": m{"b": m{"c": 1}}}, m{"a": m{"b": m{}}}, true},
		"a map, as a whole":    {m{"a": m{"b": 1}, "c": 1}, m{"c": 1}, false},
		"one key of two":       {m{"a": m{"b": 1, "c": 1}}, m{"a": m{"b": 1}}, false},
		"a map that was empty": {m{"a": m{}}, m{"a": m{}}, false},
		"a null":               {m{"a": nil}, m{"a": m{}}, false},
		"a null in a map":      {m{"a": m{"b": nil}}, m{"a": m{}}, true},
		"a list":               {m{"a": []any{m{"b": 1}}}, m{"a": []any{}}, false},
	} {
		require.Equal(t, test.want, isEmptied(test.before, test.after), name)
	}
}

func TestTheWorkingDirectoryMayHaveAnyName(t *testing.T) {
	dir := t.TempDir() + "/20%_full"
	require.NoError(t, os.Mkdir(dir, 0o700))
	t.Chdir(dir)
	catalog := load(t, tree(set("a", "a"), pkg("a", "values: {image: x}")))
	_, err := Resolve(catalog, "b", Choices{Charts: fakeCharts{}})
	require.NoError(t, err)
}
