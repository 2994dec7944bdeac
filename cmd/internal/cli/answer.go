// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
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
	if err := writeSecret(streams, path, access.Data); err != nil {
		return err
	}
	if path != "" {
		fmt.Fprintf(streams.Err, "Wrote %s, from %s.\n", path, access.From)
	}
	return nil
}

// writeSecret writes to a file that its owner alone may read, replaced if it is there, or to standard output where path is empty.
func writeSecret(streams Streams, path string, data []byte) error {
	if path == "" {
		_, err := streams.Out.Write(data)
		return err
	}
	return workdir.Replace(path, data)
}
