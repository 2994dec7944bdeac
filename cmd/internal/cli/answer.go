// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// fileFlags are those of a command whose -o is a file that it writes: the form of its answer is chosen by --json.
type fileFlags struct {
	path string
	json bool
}

func (f *fileFlags) add(c *cobra.Command, usage string) {
	c.Flags().StringVarP(&f.path, "output", "o", "", usage)
	c.Flags().BoolVar(&f.json, "json", false, "answer in JSON")
}

// print writes the answer as text or JSON.
func (f *fileFlags) print(streams Streams, value any, text func() string) error {
	out := outputFlag{form: "text"}
	if f.json {
		out.form = "json"
	}
	return out.print(streams.Out, value, text)
}

// writeAccess writes a client configuration to standard output, or whole and with mode 0600 to a file, which it replaces.
// Where it comes from goes to stderr.
func writeAccess(streams Streams, path string, access bootstrap.Access) error {
	if access.Kept {
		fmt.Fprintf(streams.Err, "This is the one kept in %s, because: %s\n", access.From, ui.Printable(access.Why.Error()))
	}
	if path == "" {
		_, err := streams.Out.Write(access.Data)
		return err
	}
	if err := replaceFile(path, access.Data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	fmt.Fprintf(streams.Err, "Wrote %s, from %s.\n", path, access.From)
	return nil
}

// replaceFile writes a file whole, mode 0600, whatever the mode of the one that it replaces: renameio.WriteFile would keep
// that.
func replaceFile(path string, data []byte) error {
	fresh, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer fresh.Cleanup() //nolint:errcheck // nothing is left of one that has been renamed
	if _, err := fresh.Write(data); err != nil {
		return err
	}
	return fresh.CloseAtomicallyReplace()
}
