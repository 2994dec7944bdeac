// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
)

// nobody is a user with no rights of its own.
const nobody = 65534

// bastion is a network with one machine on it and the program's files, which belong to nobody.
type bastion struct {
	*lan.Netns

	dir    string
	binary string
	mode   string // of netboot
}

func newBastion(t *testing.T, binary, mode string) *bastion {
	t.Helper()
	b := &bastion{dir: t.TempDir(), binary: binary, mode: mode}
	// What t.TempDir() is in is for its owner only.
	require.NoError(t, os.Chmod(filepath.Dir(b.dir), 0o755))
	var err error
	b.Netns, err = lan.NewNetns(t.Context(), lan.NetnsConfig{
		Bastion: netip.MustParsePrefix("10.77.0.2/24"), Site: netip.MustParsePrefix("10.77.0.1/24"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })

	netboot := "  mode: proxy\n"
	if mode == "server" {
		netboot = "  mode: server\n  pool: 10.77.0.100-10.77.0.199\n"
	} else {
		conn, err := b.Site.ListenDHCP(67)
		require.NoError(t, err)
		site := &sitesim.DHCP{
			Server: netip.MustParseAddr("10.77.0.1"), Bits: 24,
			First: netip.MustParseAddr("10.77.0.100"), Last: netip.MustParseAddr("10.77.0.199"),
		}
		go func() { _ = site.Serve(t.Context(), conn) }()
	}
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "site.yaml"), []byte(siteText+netboot), 0o644))
	for _, name := range []string{"kernel-amd64", "initramfs-amd64.xz"} {
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, name), content(name), 0o644))
	}
	require.NoError(t, sitesim.WriteLoaders(b.dir))
	require.NoError(t, os.Chown(b.dir, nobody, nobody))
	return b
}

func content(name string) []byte { return (&sitesim.Factory{}).Content("schematic", "v1.13.9", name) }

const siteText = `apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: unprivileged}
domain: unprivileged.example.org
bundle: paas-full
network:
  nodeSubnet: 10.77.0.0/24
  vip: 10.77.0.10
  gateway: 10.77.0.1
  loadBalancer: 10.77.1.0/24
nodes:
  - name: cp1
    role: controlplane
    address: 10.77.0.11
    disk: {serial: DISK-1}
    mac: 52:54:00:77:00:01
netboot:
  interface: eth0
`

// pxe is a command line of the program for nobody, with nothing but these capabilities. Through a shell, since systemd
// tells the process by its own number that sockets are its.
func (b *bastion) pxe(capabilities []uintptr, args ...string) *exec.Cmd {
	asSystemd := append([]string{"-c", `LISTEN_PID=$$ exec "$@"`, "sh", b.binary, "pxe"}, args...)
	cmd := exec.Command("sh", asSystemd...) // whoever starts it ends it
	cmd.Dir, cmd.Env = b.dir, []string{"HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: capabilities,
		Pdeathsig:   syscall.SIGKILL,
	}
	return cmd
}

func (b *bastion) server(capabilities []uintptr, more ...string) *exec.Cmd {
	args := append([]string{"serve", "-f", "site.yaml", "--ipxe-dir", ".", "--assets-dir", "."}, more...)
	return b.pxe(capabilities, args...)
}

// serve starts a server and stops it with the test.
func (b *bastion) serve(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	said, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, b.Bastion.Start(cmd))
	lines := bufio.NewScanner(said)
	isReady := make(chan bool, 1)
	ended := make(chan error, 1)
	var text strings.Builder
	go func() {
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "serving DHCP") {
				isReady <- true
			}
		}
		close(isReady)
		ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		err := <-ended
		if err != nil || t.Failed() {
			t.Errorf("the server ended with %v and said:\n%s", err, text.String())
		}
	})
	select {
	case <-t.Context().Done():
	case ready := <-isReady:
		require.True(t, ready, "the server ended before it served")
	}
}

// boots boots the machine, and checks what it got.
func (b *bastion) boots(t *testing.T) rom.Result {
	t.Helper()
	mac := net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 1}
	port, err := b.Attach(t.Context(), "cp1", mac)
	require.NoError(t, err)
	machine := &rom.ROM{
		Machine: rom.Machine{UUID: [16]byte{1}, Serial: "S1", Firmware: rom.UEFI}, Port: port, Clock: clock.Clock{Speed: 5},
	}
	got, err := machine.Netboot(t.Context())
	require.NoError(t, err)
	require.Equal(t, hash("kernel-amd64"), got.Kernel.SHA256)
	require.Len(t, got.Initrds, 1)
	require.Equal(t, hash("initramfs-amd64.xz"), got.Initrds[0].SHA256)
	return got
}

func hash(name string) string {
	sum := sha256.Sum256(content(name))
	return hex.EncodeToString(sum[:])
}

// said runs a command that ends by itself.
func (b *bastion) said(t *testing.T, cmd *exec.Cmd) (string, error) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "said"))
	require.NoError(t, err)
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	require.NoError(t, b.Bastion.Start(cmd))
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
	failed := cmd.Wait()
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	return string(text), failed
}

// build makes the program, for all users.
func build(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "cozy-install")
	said, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(said))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	return binary
}
