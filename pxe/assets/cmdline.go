// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// readCmdline reads the arguments beside a kernel; without such a file they are defaultCmdline.
func readCmdline(dir string, f file) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, f.name)) // its size was checked
	if errors.Is(err, fs.ErrNotExist) {
		return defaultCmdline(f.arch), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read kernel arguments: %w", err)
	}
	args, ok := parseCmdline(text)
	if !ok {
		return nil, &ContentError{Path: filepath.Join(dir, f.name), Want: contentOf(f), Begins: beginning(text)}
	}
	return args, nil
}

// defaultCmdline is used for a directory without a file of arguments: what Talos 1.13 cannot start without on metal (it
// checks slab_nomerge and pti itself), and its consoles. The factory's own file has more.
func defaultCmdline(arch string) []string {
	args := []string{"talos.platform=metal"}
	if arch == ARM64 {
		args = append(args, "console=ttyAMA0")
	}
	return append(args, "console=tty0", "init_on_alloc=1", "slab_nomerge", "pti=on")
}

// parseCmdline splits kernel arguments. They end up in a line of an iPXE script, so they must be words of printable ASCII in
// one line. An argument never begins with "<", a web page does.
//
//	"talos.platform=metal console=tty0\n" -> [talos.platform=metal console=tty0]
func parseCmdline(text []byte) (args []string, ok bool) {
	line := strings.TrimSpace(string(text))
	for _, c := range []byte(line) {
		if c != '\t' && (c < ' ' || c > '~') {
			return nil, false
		}
	}
	args = strings.Fields(line)
	return args, len(args) > 0 && !strings.HasPrefix(line, "<")
}
