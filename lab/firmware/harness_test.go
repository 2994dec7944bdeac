// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/firmware"
	"github.com/cozystack/cozy-install/lab/firmware/marker"
)

// Modes of netboot, as the site file calls them.
const (
	proxy  = "proxy"
	server = "server"
)

var bothModes = []string{proxy, server}

// need skips a test that nobody asked for, and fails one that was asked for and can not run. COZY_FIRMWARE names the
// architectures: make firmware sets it.
func need(t *testing.T, arch string) {
	t.Helper()
	err := firmware.Need(arch, cache)
	wanted := strings.Fields(os.Getenv("COZY_FIRMWARE"))
	isWanted := slices.Contains(wanted, arch)
	var missing *firmware.MissingError
	switch {
	case isWanted && errors.As(err, &missing):
		t.Fatalf("%v\n%s", err, missing.Hint())
	case len(wanted) > 0 && !isWanted:
		t.Skipf("only machines of %v were asked for, not of %s", wanted, arch)
	case errors.As(err, &missing):
		t.Skipf("%v (%s)", err, missing.Hint())
	case !isWanted:
		t.Skip("machines with real firmware are started by make firmware only")
	}
}

// stage is the product on a network, told of one machine.
type stage struct {
	*firmware.Surroundings

	files firmware.BootFiles
	log   *firmware.Console // of the product
	mac   net.HardwareAddr
	arch  string
}

// setting is what a test chooses.
type setting struct {
	mode string // proxy or server
	arch string // empty: amd64
	ipxe string // firmware.IPXE2019 or firmware.IPXE2025
	node string // lines for the node's entry in the site file
	// installed: the machine was seen running from its disk by an earlier run.
	installed bool
	// secureBoot: the site boots only signed images, and its image is one, unless it is unsigned.
	secureBoot, unsigned bool
}

func newStage(t *testing.T, want setting) *stage {
	t.Helper()
	if want.arch == "" {
		want.arch = "amd64"
	}
	binary, err := shared.product()
	require.NoError(t, err)
	s := &stage{mac: net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}, arch: want.arch}
	s.files, err = shared.files[want.arch]()
	require.NoError(t, err)
	if want.secureBoot {
		s.files, err = s.files.ForSecureBoot(t.Context(), t.TempDir(), !want.unsigned)
		require.NoError(t, err)
	}
	dir := t.TempDir()
	s.Surroundings, err = firmware.Surround(t.Context(), want.mode == proxy)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "site.yaml"), siteFile(want, s.mac), 0o644))
	if want.installed {
		work, err := workdir.Open(filepath.Join(dir, ".cozy-install", "firmware"))
		require.NoError(t, err)
		require.NoError(t, work.UpdateJournal(t.Context(), func(j *workdir.Journal) { j.Installed = map[string]bool{"cp1": true} }))
		require.NoError(t, work.Close())
	}
	loaders, err := filepath.Abs(filepath.Join(cache, want.ipxe))
	require.NoError(t, err)
	s.log, err = s.Product(t.Context(), binary, dir,
		"pxe", "serve", "-f", "site.yaml", "--ipxe-dir", loaders, "--assets-dir", s.files.Dir, "-v")
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the product said:\n%s", s.log.Tail())
		}
	})
	return s
}

func siteFile(want setting, mac net.HardwareAddr) []byte {
	netboot := "  mode: " + want.mode + "\n"
	if want.mode == server {
		netboot += "  pool: 10.77.0.100-10.77.0.199\n"
	}
	node := "    mac: " + mac.String() + "\n"
	if want.arch != "amd64" {
		node += "    arch: " + want.arch + "\n"
	}
	return []byte(`apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: firmware}
domain: firmware.example.org
bundle: paas-full
talos: {secureBoot: ` + strconv.FormatBool(want.secureBoot) + `}
network:
  nodeSubnet: 10.77.0.0/24
  vip: 10.77.0.10
  gateway: 10.77.0.1
  loadBalancer: 10.77.1.0/24
netboot:
  interface: eth0
` + netboot + `nodes:
  - name: cp1
    role: controlplane
    address: 10.77.0.11
    disk: {serial: DISK-1}
` + node + want.node)
}

// powerOn starts the machine, and ends it with the test.
func (s *stage) powerOn(t *testing.T, m firmware.Machine) *firmware.Running {
	t.Helper()
	m.MAC = s.mac
	m.Capture = filepath.Join(t.ArtifactDir(), "wire.pcap")
	running, err := firmware.PowerOn(s.Netns, s.Bastion, m)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, running.PowerOff())
		if !t.Failed() {
			require.NoError(t, os.Remove(m.Capture))
			_ = os.Remove(filepath.Dir(m.Capture)) // when nothing else is in it
			return
		}
		t.Logf("the machine asked for: %s\nand it said:\n%s\nits frames: %s (kept with -artifacts)",
			strings.Join(running.Asked(), ", "), running.Tail(), m.Capture)
	})
	return running
}

// await waits for a text on the machine's console.
func await(t *testing.T, running *firmware.Running, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), firmware.Patience)
	defer cancel()
	require.NoError(t, running.Await(ctx, text))
}

// boots starts a machine and waits until its kernel runs, with our initramfs and our command line.
func (s *stage) boots(t *testing.T, m firmware.Machine, started string) *firmware.Running {
	t.Helper()
	began := time.Now()
	running := s.powerOn(t, m)
	await(t, running, marker.End)
	s.ran(t, running, started, began)
	return running
}

// ran checks what the kernel said it was started with.
func (s *stage) ran(t *testing.T, running *firmware.Running, started string, began time.Time) {
	t.Helper()
	boot, isWhole := marker.Parse(running.Text())
	require.True(t, isWhole, "the marker is torn:\n%s", running.Tail())
	require.Equal(t, s.files.Stamp, boot.Stamp, "not our initramfs")
	require.Contains(t, boot.Cmdline, firmware.Cmdline(s.arch, started))
	t.Logf("its kernel ran after %.1f s; it asked for: %s", time.Since(began).Seconds(), strings.Join(running.Asked(), ", "))
}

// requireAsked checks that the machine asked for a file by a method: "tftp", "HEAD" or "GET".
func (s *stage) requireAsked(t *testing.T, running *firmware.Running, method, file string) {
	t.Helper()
	for _, asked := range running.Asked() {
		how, what, _ := strings.Cut(asked, " ")
		what, _, _ = strings.Cut(what, "?")
		if how == method && path.Base(what) == file {
			return
		}
	}
	t.Errorf("the machine did not ask for %s by %s, but for: %s", file, method, strings.Join(running.Asked(), ", "))
}
