// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

func newTalosCommand(streams Streams) *cobra.Command {
	return newGroup("talos", "Work with Talos machine configs", newTalosGenerateCommand(streams))
}

func newTalosGenerateCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var out string
	var diff bool
	c := &cobra.Command{
		Use: "generate [NODE...]", Short: "Write one machine config per node and the talosconfig, or compare with running nodes",
		Long: "Write one machine config per node, and the talosconfig, into a directory. The files hold the cluster's keys: their\n" +
			"mode is 0600. The secrets are created if there are none yet, and never changed.\n\n" +
			"With --diff nothing is written: the config that each node runs with is read over the Talos API and compared with the\n" +
			"one that the site file makes, as a unified diff with secrets redacted on both sides. The exit code is 0 if all say\n" +
			"the same, and 1 if one differs or can't be compared.",
		Args: func(cmd *cobra.Command, args []string) error {
			if diff {
				return nil
			}
			return usageArgs(cobra.NoArgs)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if diff && cmd.Flags().Changed("output-dir") {
				return &UsageError{Err: errors.New("--diff writes no files: leave --output-dir out")}
			}
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			if diff {
				return diffConfigs(cmd.Context(), streams, options, args)
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
	c.Flags().BoolVar(&diff, "diff", false, "compare with the configs of running nodes, of those named or of all")
	return c
}

// diffConfigs prints the diff of each node that differs, below its name.
func diffConfigs(ctx context.Context, streams Streams, options bootstrap.Options, nodes []string) error {
	diffs, err := bootstrap.DiffConfigs(ctx, options, nodes...)
	if err != nil {
		return wrongNode(err)
	}
	for _, d := range diffs {
		if d.Diff != "" {
			fmt.Fprintf(streams.Out, "# %s\n%s", d.Node, d.Diff)
		}
	}
	return bootstrap.Different(diffs)
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
		if err := workdir.Replace(path, files[name]); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintln(streams.Out, path)
	}
	return errors.Join(errs...)
}
