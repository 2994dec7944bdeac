// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"crypto/tls"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/stretchr/testify/require"
)

// TestContractInMaintenance makes the same calls to a real node and to a simulated one of the same version.
func TestContractInMaintenance(t *testing.T) {
	lab := openLab(t)
	node, _ := startNode(t, lab, 1)
	simulated, _ := startSimulated(t, lab, 21)
	made := writeSite(t, lab, node)
	configs, _ := made.configs(t)
	valid := configs[node.Name]

	compare(t, maintenanceAnswers(t, node.Addr(), valid), maintenanceAnswers(t, simulated, valid), inContainers(lab.TalosVersion))
}

// anonymous accepts any server and shows no certificate, as `talosctl --insecure` does.
func anonymous() *tls.Config { return &tls.Config{InsecureSkipVerify: true} } // a maintenance certificate is self-signed

func maintenanceAnswers(t *testing.T, addr netip.AddrPort, valid []byte) answers {
	t.Helper()
	c := dialRaw(t, addr, anonymous())
	out := callAll(t.Context(), c)
	maps.Copy(out, listAll(t.Context(), c))
	for name, request := range map[string]*machine.ApplyConfigurationRequest{
		"nothing":              {},
		"not YAML":             {Data: []byte("{{")},
		"an unknown key":       {Data: []byte(string(valid) + "---\napiVersion: v1alpha1\nkind: HostnameConfig\nnonsense: 1\n")},
		"an unknown document":  {Data: []byte("apiVersion: v1alpha1\nkind: Nonsense\n")},
		"no main document":     {Data: []byte("apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: x\nurl: tcp://192.0.2.1:5\n")},
		"a rule broken":        {Data: []byte(strings.Replace(string(valid), "type: controlplane", "type: nonsense", 1))},
		"mode NO_REBOOT":       {Data: valid, DryRun: true, Mode: machine.ApplyConfigurationRequest_NO_REBOOT},
		"mode STAGED":          {Data: valid, DryRun: true, Mode: machine.ApplyConfigurationRequest_STAGED},
		"mode REBOOT, dry run": {Data: valid, DryRun: true, Mode: machine.ApplyConfigurationRequest_REBOOT},
		"a valid one, dry run": {Data: valid, DryRun: true, Mode: machine.ApplyConfigurationRequest_AUTO},
	} {
		request.DryRun = true // a machine that takes one would end the test
		reply, err := c.ApplyConfiguration(t.Context(), request)
		shape := ""
		for _, message := range reply.GetMessages() {
			shape += message.GetMode().String() + " " + firstLines(message.GetModeDetails(), 2)
		}
		out["apply "+name] = kind(said(shape, err))
	}
	return out
}

// kind drops the details of a refusal, which are the words of the library that either side was built with.
func kind(answer string) string {
	code, text, _ := strings.Cut(answer, ": ")
	if code == "OK" {
		return answer
	}
	text, _, _ = strings.Cut(text, ": ")
	return code + ": " + text
}

func firstLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[:min(n, len(lines))], " | ")
}

// difference is one between the real node and the simulated machine that is known and meant.
type difference struct{ genuine, simulated, why string }

// compare fails for each answer that differs and is not among the known differences, and for each known difference that is
// none any more.
func compare(t *testing.T, genuine, simulated answers, known map[string]difference) {
	t.Helper()
	require.Len(t, simulated, len(genuine))
	for name := range known {
		require.Contains(t, genuine, name, "no such call is made")
	}
	for name, want := range genuine {
		got := simulated[name]
		d, isKnown := known[name]
		switch {
		case isKnown && (want != d.genuine || got != d.simulated):
			t.Errorf("%s: the known difference has changed\n  real:      %s\n  simulated: %s", name, want, got)
		case !isKnown && want != got:
			t.Errorf("%s\n  real:      %s\n  simulated: %s", name, want, got)
		}
	}
}

// inContainers are the differences between a container and a server, and what is not simulated because nothing reads it.
func inContainers(version string) map[string]difference {
	const some, none = "OK: some", "OK: none"
	out := map[string]difference{
		"list SystemInformations.hardware.talos.dev": {none, some, "a container has no SMBIOS"},
		"list Disks.block.talos.dev":                 {none, some, "nor disks"},
		"list DiscoveredVolumes.block.talos.dev":     {none, some, "nor disks"},
		"list RouteStatuses.net.talos.dev":           {some, none, "routes are not simulated"},
		"list PlatformMetadatas.talos.dev":           {some, none, "clouds are not simulated"},
	}
	if isOf113(version) {
		out["apply mode STAGED"] = difference{
			"OK: STAGED Dry run summary: | Staged configuration to be applied after the next reboot (skipped in dry-run).",
			"Unimplemented: mode STAGED is not simulated", notRead,
		}
	}
	return out
}

// isOf113 says that a machine in maintenance mode has the API that it has later, as since Talos 1.13.
func isOf113(version string) bool { return strings.HasPrefix(version, "v1.13.") }
