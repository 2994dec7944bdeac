// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newTalosCommand(streams Streams) *cobra.Command {
	return newGroup("talos", "Work with Talos machine configs", newTalosGenerateCommand(streams))
}

func newTalosGenerateCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var out string
	c := &cobra.Command{
		Use: "generate", Short: "Write one machine config per node, and the talosconfig",
		Long: "Write one machine config per node, and the talosconfig, into a directory. The files hold the cluster's keys: their\n" +
			"mode is 0600. The secrets are created if there are none yet, and never changed.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			configs, talosconfig, err := bootstrap.GenerateConfigs(cmd.Context(), options)
			if err != nil {
				return err
			}
			return writeConfigs(streams, out, configs, talosconfig)
		},
	}
	flags.add(c)
	c.Flags().StringVarP(&out, "output-dir", "o", "talos", "directory for the files")
	return c
}

// writeConfigs writes the files and prints their names, in order. A file that cannot be written does not hide another.
func writeConfigs(streams Streams, dir string, configs map[string][]byte, talosconfig []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory for machine configs: %w", err)
	}
	files := map[string][]byte{"talosconfig": talosconfig}
	for name, config := range configs {
		files[name+".yaml"] = config
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := renameio.WriteFile(path, files[name], 0o600, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o600)); err != nil {
			errs = append(errs, fmt.Errorf("write %s: %w", path, err))
			continue
		}
		fmt.Fprintln(streams.Out, path)
	}
	return errors.Join(errs...)
}
