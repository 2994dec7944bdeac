// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"
)

// Whatever DHCP may advertise must be there to fetch: for every architecture, every dialect, both ports, with and without
// iPXE, and with each part of the files missing.
func TestEveryAdvertisedFileIsServed(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"everything is there": nil,
		"Secure Boot":         func(c *Config) { c.SecureBoot = true },
		"no iPXE":             func(c *Config) { c.IPXEDir = "none" },
		"a loader by name":    func(c *Config) { c.Machines[0].Loader = "ipxe.pxe" },
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			for _, arch := range []string{archAMD64, archARM64} {
				s := run(t, func(c *Config) {
					c.Machines = []Machine{{Name: "node1", Arch: arch}}
					for i := range firmwares { // one for each, since a machine that asks too often is not answered
						c.Machines[0].MACs = append(c.Machines[0].MACs, macNumber(i))
					}
					if change != nil {
						change(c)
					}
				})
				r := newROM(t, s, "127.77.0.11", macOne)
				for _, name := range r.advertised(s) {
					r.fetch(name)
					seen[regexp.MustCompile(`^.*/`).ReplaceAllString(strings.Split(name, "?")[0], "")] = true
				}
			}
			t.Log(seen)
			require.NotEmpty(t, seen)
		})
	}
}

// firmwares is more than there are numbers of architectures.
const firmwares = 48

// advertised collects what a server advertises to one machine.
func (r *rom) advertised(s *Server) []string {
	r.t.Helper()
	var names []string
	for arch := range uint16(firmwares) {
		r.mac = macNumber(int(arch))
		for _, class := range []string{"PXEClient", "HTTPClient"} {
			for _, userClass := range []string{"", "iPXE", "PXEROM"} {
				for range 3 { // a retry gets another dialect
					offer := r.discoverUnlessIgnored(s, arch, class, userClass)
					if offer == nil {
						break
					}
					names = append(names, fileOf(offer))
				}
			}
		}
		ask := r.packet(dhcpv4.MessageTypeRequest, arch, "")
		ask.ClientIPAddr = r.addr.AsSlice()
		if r.isAnswered(s, ask, true) {
			ack := r.exchange(0, r.ports.Proxy, ask)
			require.NotNil(r.t, ack)
			names = append(names, fileOf(ack))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fetch gets a file as its name says, and all that a script leads to.
func (r *rom) fetch(name string) {
	r.t.Helper()
	if !strings.HasPrefix(name, "http://") {
		body, err := r.tftp(name)
		require.NoError(r.t, err, name)
		require.NotEmpty(r.t, body, name)
		return
	}
	status, body := r.get(name)
	require.Equal(r.t, http.StatusOK, status, name)
	if !strings.HasPrefix(string(body), "#!ipxe") {
		return
	}
	for _, link := range regexp.MustCompile(`http://\S+`).FindAllString(string(body), -1) {
		status, _ := r.get(link)
		require.Equal(r.t, http.StatusOK, status, "%s in %s", link, name)
	}
}
