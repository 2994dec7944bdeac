// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"net"
	"net/netip"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/stretchr/testify/require"
)

func TestAddressesComeFromWhatMeansTheMachinesOwnCard(t *testing.T) {
	const base = "version: v1alpha1\nmachine:\n  type: worker\n"

	for _, tc := range []struct {
		name, config string
		addresses    []string
		vips         []string
		dhcp         bool
		host         string
	}{
		{"nothing said: DHCP", base, nil, nil, true, "talos-770001"},
		{
			"documents under an alias", base + `
---
apiVersion: v1alpha1
kind: LinkAliasConfig
name: net0
selector: {match: 'mac(link.permanent_addr) == "52:54:00:77:00:01"'}
---
apiVersion: v1alpha1
kind: LinkConfig
name: net0
addresses: [{address: 10.77.0.11/24}]
---
apiVersion: v1alpha1
kind: Layer2VIPConfig
name: 10.77.0.10
link: net0
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: node-1
auto: off
`, []string{"10.77.0.11/24"}, []string{"10.77.0.10"}, false, "node-1",
		},
		{
			"documents for another card", base + `
---
apiVersion: v1alpha1
kind: LinkAliasConfig
name: net0
selector: {match: 'mac(link.permanent_addr) == "52:54:00:77:00:02"'}
---
apiVersion: v1alpha1
kind: LinkConfig
name: net0
addresses: [{address: 10.77.0.11/24}]
`, nil, nil, false, "talos-770001",
		},
		{
			"an alias for all cards, and DHCP by document", base + `
---
apiVersion: v1alpha1
kind: LinkAliasConfig
name: net%d
selector: {match: 'link.driver != ""'}
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: net0
`, nil, nil, true, "talos-770001",
		},
		{
			"a device by its address", base + `  network:
    hostname: old
    interfaces:
      - deviceSelector: {hardwareAddr: "52:54:00:77:*"}
        addresses: [10.77.0.11/24, 10.77.0.111]
        vip: {ip: 10.77.0.10}
      - deviceSelector: {hardwareAddr: "52:54:00:88:*"}
        addresses: [10.77.0.99/24]
`, []string{"10.77.0.11/24", "10.77.0.111/32"}, []string{"10.77.0.10"}, false, "old",
		},
		{
			"a device by a name that the machine has not", base + `  network:
    interfaces:
      - interface: eth0
        addresses: [10.77.0.11/24]
`, nil, nil, true, "talos-770001",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			provider, err := configloader.NewFromBytes([]byte(tc.config))
			require.NoError(t, err)

			o := &osRun{Config: Config{Hardware: Hardware{MAC: net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}}}}
			got, err := o.readSettings(provider)
			require.NoError(t, err)
			require.Equal(t, tc.addresses, texts(got.addresses))
			require.Equal(t, tc.vips, texts(got.vips))
			require.Equal(t, tc.dhcp, got.dhcp)
			require.Equal(t, tc.host, o.hostname(provider))
		})
	}
}

func texts[T netip.Addr | netip.Prefix](values []T) (list []string) {
	for _, v := range values {
		list = append(list, any(v).(interface{ String() string }).String())
	}

	return list
}

func TestRunningVersionIsTheInstallersTag(t *testing.T) {
	for image, want := range map[string]string{
		"factory.example:5000/metal-installer/0123:v1.13.8":           "v1.13.8",
		"factory.example:5000/metal-installer/0123":                   "",
		"ghcr.io/siderolabs/installer:v1.12.0@sha256:" + "0123456789": "v1.12.0",
	} {
		storage := &Storage{}
		storage.Install([]byte("version: v1alpha1\nmachine: {type: worker, install: {image: '"+image+"'}}\n"), "/dev/vda")
		require.Equal(t, want, storage.version(), image)
	}
}
