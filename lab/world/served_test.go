// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

// secretValues are all values of the cluster's secrets, and the keys among them also as they would be on a wire.
func (s *stage) secretValues() [][]byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.work, workdir.SecretsFile))
	require.NoError(s.t, err)
	var document yaml.Node
	require.NoError(s.t, yaml.Unmarshal(data, &document))
	var values [][]byte
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		for _, child := range n.Content {
			walk(child)
		}
		if n.Kind != yaml.ScalarNode || len(n.Value) < 16 {
			return
		}
		values = append(values, []byte(n.Value))
		if raw, err := base64.StdEncoding.DecodeString(n.Value); err == nil {
			values = append(values, raw)
		}
	}
	walk(&document)
	require.Greater(s.t, len(values), 15, "the secrets have more than that")
	return values
}

// secretsIn counts the secrets in a text.
func (s *stage) secretsIn(text []byte) int {
	s.t.Helper()
	found := 0
	for _, value := range s.secretValues() {
		if bytes.Contains(text, value) {
			found++
		}
	}
	return found
}

// showsNoSecret checks one text or body.
func (s *stage) showsNoSecret(text string) {
	s.t.Helper()
	require.Zero(s.t, s.secretsIn([]byte(text)), "secrets are shown")
}

// servesNoSecret asks the netboot server for everything it has, and for what it must not have, as a machine of the site
// and as a stranger.
func (s *stage) servesNoSecret() {
	s.t.Helper()
	bodies := s.overHTTP()
	maps.Copy(bodies, s.overTFTP())
	for name, body := range bodies {
		s.showsNoSecret(string(body))
		require.NotContains(s.t, string(body), "talos.config", name)
	}
	for _, e := range s.Fleet.Events() {
		if e.Kind == "kernel" {
			s.showsNoSecret(e.Details["args"])
		}
	}
}

func (s *stage) overHTTP() map[string][]byte {
	server := netip.AddrPortFrom(s.bastion().Addr(), 8080)
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, at string) (net.Conn, error) {
			return s.network.Site.Dial(ctx, netip.Addr{}, at)
		},
	}}
	routes, want := s.routes()
	bodies := map[string][]byte{}
	for _, route := range routes {
		request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+server.String(), nil)
		require.NoError(s.t, err)
		path, query, _ := strings.Cut(route, "?")
		request.URL.Opaque = "//" + server.String() + path // exactly as written
		request.URL.RawQuery = query
		response, err := client.Do(request)
		require.NoError(s.t, err, route)
		body, err := io.ReadAll(response.Body)
		require.NoError(s.t, errors.Join(err, response.Body.Close()))
		if response.StatusCode == http.StatusOK {
			bodies[route] = body
		}
	}
	isOwnUKI := func(route string) bool { return strings.HasSuffix(route, "/"+uki) && route != "/"+uki }
	served := slices.DeleteFunc(slices.Collect(maps.Keys(bodies)), isOwnUKI)
	require.ElementsMatch(s.t, want, served, "these and no others are served")
	return bodies
}

// uki is there for a machine until it boots from its disk.
const uki = "metal-amd64-uki.efi"

// routes are what to ask for, and what of it is served whatever the machines do: each file under its name, and under each
// machine's.
func (s *stage) routes() (routes, want []string) {
	files := []string{"kernel-amd64", "initramfs-amd64.xz", uki, "undionly.kpxe", "ipxe.pxe", "snponly.efi"}
	want = []string{"/healthz", "/metrics"}
	for _, file := range files {
		want = append(want, "/"+file)
		routes = append(routes, "/02-00-00-00-00-99/"+file, "/assets/"+file, "//"+file)
	}
	for _, node := range s.site.Nodes {
		own := "/" + strings.ReplaceAll(node.MAC, ":", "-") + "/"
		for _, file := range files[:2] {
			want = append(want, own+file)
		}
		want = append(want, "/boot.ipxe?mac="+node.MAC, "/boot.ipxe?serial=&mac="+node.MAC)
		routes = append(routes, own+uki, own+workdir.SecretsFile, own+"../"+workdir.SecretsFile, "/"+node.Name+".yaml")
	}
	routes = append(routes, "/", "/assets", "/boot.ipxe?mac=02:00:00:00:00:99")
	for _, name := range []string{
		workdir.SecretsFile, workdir.TalosconfigFile, workdir.KubeconfigFile, workdir.JournalFile, workdir.NetbootFile,
	} {
		routes = append(routes, "/"+name, "/../"+name, "/a/../../"+name, "/a/%2e%2e/%2e%2e/"+name, s.work+"/"+name, "/kernel-amd64/../../"+name)
	}
	return append(routes, want...), want
}

func (s *stage) overTFTP() map[string][]byte {
	names := append(slices.Sorted(maps.Keys(sitesim.Loaders())), uki)
	for _, name := range []string{workdir.SecretsFile, workdir.TalosconfigFile} {
		names = append(names, name, "../"+name, "../../"+name, filepath.Join(s.work, name))
	}
	bodies := map[string][]byte{}
	for _, name := range names {
		if body, err := s.readTFTP(name); err == nil {
			bodies["tftp:"+name] = body
		}
	}
	require.Len(s.t, bodies, 4, "two loaders for BIOS, one for UEFI, and the UKI: %v", slices.Sorted(maps.Keys(bodies)))
	return bodies
}

// readTFTP reads one file as the simplest of clients does (RFC 1350): no options, blocks of 512 bytes.
func (s *stage) readTFTP(name string) ([]byte, error) {
	conn, err := s.network.Site.ListenPacket(s.t.Context(), netip.AddrPortFrom(s.site.Network.Gateway, 0))
	require.NoError(s.t, err)
	defer conn.Close()
	var to net.Addr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.bastion().Addr(), 69))
	packet := []byte("\x00\x01" + name + "\x00octet\x00")
	var body []byte
	buffer := make([]byte, 4+512)
	for next := uint16(1); ; next++ {
		if _, err := conn.WriteTo(packet, to); err != nil {
			return nil, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			return nil, err
		}
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return nil, err
		}
		if n < 4 || !bytes.Equal(buffer[:2], []byte{0, 3}) || binary.BigEndian.Uint16(buffer[2:]) != next {
			return nil, fmt.Errorf("%s: answered with %q", name, buffer[:n])
		}
		body = append(body, buffer[4:n]...)
		packet, to = append([]byte{0, 4}, buffer[2:4]...), from
		if n < len(buffer) {
			_, err := conn.WriteTo(packet, to)
			return body, err
		}
	}
}
