// SPDX-License-Identifier: Apache-2.0

package ipxe

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite golden files")

func link(t testing.TB, text string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(text)
	require.NoError(t, err)
	return parsed
}

func talosBoot(t testing.TB, args ...string) Boot {
	t.Helper()
	return Boot{
		Title:     "node1",
		Kernel:    link(t, "http://10.77.0.2:8080/52-54-00-77-00-01/kernel-amd64"),
		Initramfs: link(t, "http://10.77.0.2:8080/52-54-00-77-00-01/initramfs-amd64.xz"),
		Args:      args,
		Again:     link(t, "http://10.77.0.2:8080/boot.ipxe?mac=52:54:00:77:00:01"),
	}
}

func TestScripts(t *testing.T) {
	talos, err := Talos(talosBoot(t, "talos.platform=metal", "console=tty0", "slab_nomerge", "pti=on"))
	require.NoError(t, err)
	disk, err := Disk("node1")
	require.NoError(t, err)
	sanboot, err := SANBoot("node1")
	require.NoError(t, err)
	serial, err := AskSerial(link(t, "http://10.77.0.2:8080/boot.ipxe?mac=52:54:00:77:00:01"))
	require.NoError(t, err)
	for name, got := range map[string][]byte{"talos": talos, "disk": disk, "sanboot": sanboot, "serial": serial} {
		path := filepath.Join("testdata", name+".golden")
		if *update {
			require.NoError(t, os.WriteFile(path, got, 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err, "make it with -update, and read it")
		require.Equal(t, string(want), string(got))
	}
}

func TestKernelArgumentsCannotBecomeCommands(t *testing.T) {
	for name, args := range map[string][]string{
		"a line break":     {"a\nshell"},
		"a blank":          {"a b"},
		"an expansion":     {"a=${net0/mac}"},
		"an or":            {"||"},
		"an and":           {"&&"},
		"nothing":          {""},
		"a control":        {"a\x1b[2J"},
		"beyond ASCII":     {"ä"},
		"more than Linux ": {strings.Repeat("x", 1100), strings.Repeat("y", 1100)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Talos(talosBoot(t, args...))
			require.ErrorContains(t, err, "kernel argument")
		})
	}
}

func TestTitlesCannotBecomeCommands(t *testing.T) {
	script, err := Disk("node\nshell || ${x}")
	require.NoError(t, err)
	require.Contains(t, string(script), "echo cozy-install: node?shell ?? ??x?: booting")
	require.Equal(t, 3, strings.Count(string(script), "\n"))
}

func TestLoadPrefersTheFirmwaresOwnDriver(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"bookworm": {[]string{"undionly.kpxe", "snponly.efi", "ipxe.efi"}, "snponly.efi"},
		"trixie":   {[]string{"undionly.kpxe", "ipxe-amd64.efi", "ipxe.efi"}, "ipxe-amd64.efi"},
		"others":   {[]string{"undionly.kpxe", "ipxe.efi"}, "ipxe.efi"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, file := range c.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte("content of "+file), 0o600))
			}
			got, err := Load(dir, Need{X86: true})
			require.NoError(t, err)
			require.Equal(t, Loader{Name: "undionly.kpxe", Data: []byte("content of undionly.kpxe")}, got.BIOS)
			require.Equal(t, Loader{Name: c.want, Data: []byte("content of " + c.want)}, got.UEFI)
		})
	}
}

func TestLoadFollowsDebiansLinkIntoBoot(t *testing.T) {
	root := t.TempDir()
	dir, boot := filepath.Join(root, "usr/lib/ipxe"), filepath.Join(root, "boot")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.MkdirAll(boot, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "undionly.kpxe"), []byte("bios"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(boot, "ipxe.efi"), filepath.Join(dir, "ipxe.efi")))

	_, err := Load(dir, Need{X86: true})
	var missing *MissingError
	require.ErrorAs(t, err, &missing, "the link leads nowhere yet")
	require.Equal(t, "UEFI", missing.Firmware)

	require.NoError(t, os.WriteFile(filepath.Join(boot, "ipxe.efi"), []byte("uefi"), 0o600))
	got, err := Load(dir, Need{X86: true})
	require.NoError(t, err)
	require.Equal(t, Loader{Name: "ipxe.efi", Data: []byte("uefi")}, got.UEFI)
}

func TestLoadSaysWhatToInstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	_, err := Load(dir, Need{X86: true})
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, &MissingError{Dir: dir, Firmware: "BIOS", Names: []string{"undionly.kpxe"}}, missing)
	require.Contains(t, missing.Hint(), "apt install ipxe")
	require.Contains(t, missing.Hint(), "--ipxe-dir")
}

func TestLoadTakesWhatIsThereWhenNothingIsNeeded(t *testing.T) {
	got, err := Load(NoDir, Need{})
	require.NoError(t, err)
	require.Empty(t, got.All())
	_, err = Load(NoDir, Need{X86: true})
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	require.Contains(t, missing.Hint(), "--ipxe-dir none")

	dir := t.TempDir()
	for _, name := range []string{"ipxe-arm64.efi", "ipxe.pxe", "undionly.kpxe", "special.efi"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	got, err = Load(dir, Need{ARM64: true, Named: []string{"special.efi", "undionly.kpxe"}})
	require.NoError(t, err)
	var names []string
	for _, loader := range got.All() {
		names = append(names, loader.Name)
	}
	require.Equal(t, []string{"undionly.kpxe", "ipxe.pxe", "ipxe-arm64.efi", "special.efi"}, names)
	_, err = Load(dir, Need{Named: []string{"other.efi"}})
	require.ErrorAs(t, err, &missing)
	require.Equal(t, []string{"other.efi"}, missing.Names)
}

func TestLoadRefusesWhatIsNoLoader(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "undionly.kpxe"), nil, 0o600))
	_, err := Load(dir, Need{X86: true})
	require.ErrorContains(t, err, "undionly.kpxe: 0 bytes")
}
