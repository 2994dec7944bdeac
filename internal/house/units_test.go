// SPDX-License-Identifier: Apache-2.0

package house

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// units is where the example units for systemd are.
const units = "examples/systemd"

// service is the netboot server's.
const service = "cozy-install-netboot.service"

// unitLines returns the values that a unit file or drop-in gives to a key.
func unitLines(text, key string) []string {
	var values []string
	for _, match := range regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(text, -1) {
		values = append(values, match[1])
	}

	return values
}

func TestEachNetbootServiceHasASocketUnit(t *testing.T) {
	dropIn := read(t, units+"/"+service+".d/sockets.conf")

	var names, files []string

	for _, file := range paths(t, ".socket") {
		text := read(t, file)
		files = append(files, path.Base(file))
		names = append(names, unitLines(text, "FileDescriptorName")...)
		require.Equal(t, []string{service}, unitLines(text, "Service"), file)
	}

	slices.Sort(names)
	require.Equal(t, []string{"dhcp", "http", "proxy", "tftp"}, names, "the names that cozy-install knows")

	for _, key := range []string{"Sockets", "Requires"} {
		require.ElementsMatch(t, files, strings.Fields(strings.Join(unitLines(dropIn, key), " ")), key)
	}
}

// Systemd itself reads the units: what it does not know it would ignore, and say so only in its journal.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: Debian's package systemd has it")
	}

	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, units))))

	services := []string{service, "cozy-install-registry.service"}

	files, err := filepath.Glob(filepath.Join(dir, "*.socket"))
	require.NoError(t, err)

	for _, name := range services {
		// The program need not be installed here.
		text := strings.Replace(read(t, units+"/"+name), "ExecStart=/usr/local/bin/cozy-install ", "ExecStart=/bin/sh ", 1)
		require.Contains(t, text, "ExecStart=/bin/sh ")
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		files = append(files, filepath.Join(dir, name))
	}

	said, err := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"verify"}, files...)...).CombinedOutput()
	require.NoError(t, err, string(said))
	require.Empty(t, string(said))

	for _, name := range services {
		// 0 is best and 100 worst; what is left is that it is on the network.
		const exposure = "--threshold=20"
		said, err = exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", exposure,
			filepath.Join(dir, name)).CombinedOutput()
		require.NoError(t, err, string(said))
	}
}
