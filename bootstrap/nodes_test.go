// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

func TestAMachineMustBeStartedAsTheSiteSays(t *testing.T) {
	on, off := &talos.Security{SecureBoot: true}, &talos.Security{}
	for name, test := range map[string]struct {
		want bool
		told *talos.Security
		text string // empty: no fault
		hint string
	}{
		"on as wanted":      {true, on, "", ""},
		"off as wanted":     {false, off, "", ""},
		"not told, not on":  {false, nil, "", ""},
		"off":               {true, off, "node cp1 runs without Secure Boot", "enroll"},
		"not told":          {true, nil, "node cp1 does not say", "enroll"},
		"on without a wish": {false, on, "node cp1 runs with Secure Boot", "talos.secureBoot: true"},
	} {
		err := assertSecureBoot(&site.Site{Talos: &site.Talos{SecureBoot: test.want}}, site.Node{Name: "cp1"}, test.told)
		if test.text == "" {
			require.NoError(t, err, name)
			continue
		}
		var fault *SecureBootError
		require.ErrorAs(t, err, &fault, name)
		require.ErrorContains(t, err, test.text)
		require.Contains(t, fault.Hint(), test.hint, name)
	}
}

func TestAMachineWithoutTheSecureBootOfTheSiteGetsNoConfig(t *testing.T) {
	fleet := machines(t, map[byte]runtime.SecurityStateSpec{2: {}, 5: {SecureBoot: true, BootedWithUKI: true}})
	b := withSecrets(t, machineSiteWith(t, "talos: {", "talos: {secureBoot: true, "))
	err := b.applyConfigs().Run(t.Context(), func(string, ...any) {})
	var fault *SecureBootError
	require.ErrorAs(t, err, &fault)
	require.Equal(t, "cp1", fault.Node)
	require.False(t, fleet[2].disks.Installed())
	require.Contains(t, b.given, "w1", "it does not stop the others")
	require.NotContains(t, b.given, "cp1")

	configs, err := b.machineConfigs(b.site.Nodes, nil)
	require.NoError(t, err)
	require.Contains(t, string(configs[0]), "/metal-installer-secureboot/")
}

func TestNodesSaysHowEachMachineAnswers(t *testing.T) {
	fleet := machines(t, map[byte]runtime.SecurityStateSpec{2: {
		SecureBoot: true, BootedWithUKI: true, UKISigningKeyFingerprint: "aa:bb", SELinuxState: runtime.SELinuxStatePermissive,
	}})
	s := machineSiteWith(t, "", "")
	start := time.Now()
	nodes, err := Nodes(t.Context(), Options{Site: s, WorkDir: t.TempDir() + "/none"})
	require.NoError(t, err, "before anything was made")
	require.Less(t, time.Since(start), 2*lookTimeout)
	require.Len(t, nodes, 2)

	cp1 := nodes[0]
	require.Equal(t, "maintenance", cp1.State)
	require.Equal(t, "127.212.7.2", cp1.Address)
	require.Equal(t, fleet[2].shown(), cp1.Fingerprint)
	require.Equal(t, &MachineView{
		Manufacturer: "ACME", Product: "Rack", Serial: "SN2", UUID: "11111111-2222-3333-4444-000000000002", TalosVersion: "v1.13.9",
		Processors: []SocketView{{Model: "Simulated", Cores: 4, Threads: 8}}, MemoryBytes: 32 << 30,
		Links: []LinkView{{Name: "enp1s0", MAC: "52:54:00:12:00:02", Up: true, Mbit: 10_000}},
		Disks: []DiskView{{Path: "/dev/vda", Bytes: 100 << 30, Serial: "D2", Transport: "virtio", Contents: &ContentsView{Blank: true}}},
		Security: &SecurityView{
			SecureBoot: true, BootedWithUKI: true, UKISigningKey: "aa:bb", SELinux: "enabled, permissive", FIPS: "disabled",
		},
	}, cp1.Machine)
	require.Contains(t, cp1.Fault, "runs with Secure Boot")
	require.Equal(t, NodeView{Name: "w1", Role: "worker", State: "unreachable", Address: "127.212.7.5"}, nodes[1])

	var fault *SecureBootError
	require.ErrorAs(t, Faults(nodes), &fault)
	require.NoError(t, Faults(nodes[1:]))

	one, err := Nodes(t.Context(), Options{Site: s, WorkDir: t.TempDir()}, "w1")
	require.NoError(t, err)
	require.Equal(t, nodes[1:], one)
	var unknown *UnknownNodeError
	_, err = Nodes(t.Context(), Options{Site: s, WorkDir: t.TempDir()}, "w9")
	require.ErrorAs(t, err, &unknown)
}
