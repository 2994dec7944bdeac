// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/pxe/assets"
	"github.com/cozystack/cozy-install/pxe/ipxe"
)

func TestStartErrorsSayWhatToDo(t *testing.T) {
	ipxeDir, files := testDir(t)
	start := func(change func(*Config)) error {
		config := Config{Interfaces: []string{"lo"}, Address: bastion, Ports: freePorts(t), IPXEDir: ipxeDir, Assets: files}
		change(&config)
		server, err := New(config)
		require.NoError(t, err)
		err = server.Run(t.Context())
		require.Error(t, err)
		select {
		case <-server.Ready():
			t.Fatal("ready after an error")
		default:
		}
		return err
	}

	var noInterface *InterfaceError
	require.ErrorAs(t, start(func(c *Config) { c.Interfaces = []string{"eth77"} }), &noInterface)
	require.Equal(t, "eth77", noInterface.Name)
	require.Contains(t, noInterface.Have, "lo")
	require.Contains(t, noInterface.Hint(), "lo")

	var noLoader *ipxe.MissingError
	require.ErrorAs(t, start(func(c *Config) { c.IPXEDir = t.TempDir() }), &noLoader)

	changed := func(change func(*assets.Set)) func(*Config) {
		return func(c *Config) {
			set := c.Assets.Sets[assets.AMD64]
			change(&set)
			c.Assets.Sets = map[string]assets.Set{assets.AMD64: set}
		}
	}
	require.ErrorIs(t, start(changed(func(s *assets.Set) { s.Kernel += ".gone" })), os.ErrNotExist)
	require.ErrorContains(t, start(changed(func(s *assets.Set) { s.Cmdline = []string{"a b"} })), `kernel argument "a b"`)
}

func TestPortInUseIsNamed(t *testing.T) {
	first := run(t, nil)
	ports := first.config.Ports
	for service, change := range map[string]func(*Ports){
		"DHCP":             func(p *Ports) { p.DHCP = ports.DHCP },
		"PXE boot service": func(p *Ports) { p.Proxy = ports.Proxy },
		"TFTP":             func(p *Ports) { p.TFTP = ports.TFTP },
		"HTTP":             func(p *Ports) { p.HTTP = ports.HTTP },
	} {
		t.Run(service, func(t *testing.T) {
			config := first.config
			config.Ports = freePorts(t)
			change(&config.Ports)
			second, err := New(config)
			require.NoError(t, err)
			var taken *PortInUseError
			require.ErrorAs(t, second.Run(t.Context()), &taken)
			require.Equal(t, service, taken.Service)
			require.Contains(t, taken.Hint(), "ss -")
		})
	}
}

func TestMissingRightsAreNamed(t *testing.T) {
	at := netip.MustParseAddrPort("10.77.0.2:67")
	err := listenError("DHCP", "udp", at, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", os.ErrPermission)})
	var denied *NotPermittedError
	require.ErrorAs(t, err, &denied)
	require.ErrorIs(t, err, os.ErrPermission)
	require.Contains(t, denied.Hint(), "cap_net_bind_service")
}

func TestConfigsThatCannotBe(t *testing.T) {
	lo := []string{"lo"}
	for want, config := range map[string]Config{
		`netboot mode "full"`: {Mode: "full", Interfaces: lo},
		"want at least one":   {},
		"netboot address ::1": {Interfaces: lo, Address: netip.IPv6Loopback()},
		"netboot address 0.0": {Interfaces: lo, Address: netip.IPv4Unspecified()},
		"netboot port 70000":  {Interfaces: lo, Ports: Ports{HTTP: 70000}},
		"has no name":         {Interfaces: lo, Machines: []Machine{{MACs: []net.HardwareAddr{macOne}}}},
		"want six bytes":      {Interfaces: lo, Machines: []Machine{{Name: "n", MACs: []net.HardwareAddr{{1, 2}}}}},
	} {
		_, err := New(config)
		require.ErrorContains(t, err, want)
	}
}

func TestDefaultPortsAreTheRealOnes(t *testing.T) {
	require.Equal(t, Ports{DHCP: 67, Proxy: 4011, TFTP: 69, HTTP: 8080}, Ports{}.withDefaults())
	require.Equal(t, Ports{DHCP: 67, Proxy: 4011, TFTP: 6969, HTTP: 8080}, Ports{TFTP: 6969}.withDefaults())
}

func TestServerRunsOnce(t *testing.T) {
	s := run(t, nil)
	require.ErrorContains(t, s.Run(t.Context()), "it was run before")
}

func TestEndedContextIsNoError(t *testing.T) {
	ipxeDir, files := testDir(t)
	server, err := New(Config{Interfaces: []string{"lo"}, Address: bastion, Ports: freePorts(t), IPXEDir: ipxeDir, Assets: files})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, server.Run(ctx))
}
