// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLogsHaveSomewhereToGo: without the database of monitoring-agents, and without an output of the operator's, fluent-bit would
// send to nobody.
func TestLogsHaveSomewhereToGo(t *testing.T) {
	output := map[string]any{"config": map[string]any{"outputs": "[OUTPUT]\n    Name stdout\n    Match *\n"}}
	host := map[string]any{"env": []any{map[string]any{"name": "LOGS_HOST", "value": "logs.example.org"}}}
	for name, test := range map[string]struct {
		bundle  string
		enable  []string
		values  map[string]any
		refused bool
	}{
		"alone":                    {bundle: "distro-full", enable: []string{"fluent-bit"}, refused: true},
		"alone, hosted":            {bundle: "distro-hosted", enable: []string{"fluent-bit"}, refused: true},
		"with another value":       {bundle: "distro-full", enable: []string{"fluent-bit"}, values: map[string]any{"kind": "Deployment"}, refused: true},
		"with an output":           {bundle: "distro-full", enable: []string{"fluent-bit"}, values: output},
		"with a host":              {bundle: "distro-hosted", enable: []string{"fluent-bit"}, values: host},
		"beside monitoring-agents": {bundle: "distro-full", enable: []string{"fluent-bit", "monitoring-agents", "victoria-metrics-operator"}},
		"for the root tenant":      {bundle: "paas-hosted"},
	} {
		choices := Choices{Facts: facts(), Charts: charts(t), Enable: test.enable}
		if test.values != nil {
			choices.Values = map[string]map[string]any{"fluent-bit": test.values}
		}
		_, err := Resolve(load(t, Data()), test.bundle, choices)
		if !test.refused {
			require.NoError(t, err, name)
			continue
		}
		require.EqualError(t, err, "packages.values.fluent-bit: by default it uses what monitoring-agents makes, which is not installed: "+
			"enable that, or set env or config.outputs here", name)
	}
}

func TestNeedsOfDefaultsAreChecked(t *testing.T) {
	_, err := Load(tree(set("a", "a"), pkg("a", "defaultsNeed:", "- {package: b, bundles: [c], values: [x..y]}", "- {package: a}")))
	require.Error(t, err)
	for _, want := range []string{
		`defaultsNeed[0].package: "b": not another package`, `defaultsNeed[0].bundles[0]: "c": no such bundle`,
		`defaultsNeed[0].values[0]: "x..y": not the dotted path`, `defaultsNeed[1].package: "a": not another package`,
		"defaultsNeed[1].values: missing",
	} {
		require.ErrorContains(t, err, want)
	}
}

// TestDevicesGoToMachinesWhereGPUsAreHandedOver: KubeVirt gives no device to a machine without the gate.
func TestDevicesGoToMachinesWhereGPUsAreHandedOver(t *testing.T) {
	for _, enable := range [][]string{nil, {"gpu-operator"}} {
		plan, err := Resolve(load(t, Data()), "paas-full", Choices{Facts: facts(), Charts: charts(t), Enable: enable})
		require.NoError(t, err)
		for _, p := range plan.Packages {
			if p.Name != "kubevirt" {
				continue
			}
			archive, err := charts(t).Archive(p.Chart.Embedded)
			require.NoError(t, err)
			objects, err := Render(t.Context(), p, archive, "v1.34.4")
			require.NoError(t, err)
			gates, _ := lookup(objects[0].Object, []string{"spec", "configuration", "developerConfiguration", "featureGates"})
			require.Contains(t, gates, "GPU")
			if enable == nil {
				require.NotContains(t, gates, "HostDevices")
			} else {
				require.Contains(t, gates, "HostDevices")
				require.Contains(t, p.DependsOn, "gpu-operator")
			}
		}
	}
}
