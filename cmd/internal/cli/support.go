// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func newSupportCommand(streams Streams, version string) *cobra.Command {
	var flags siteFlags
	var file fileFlags
	support := bootstrap.SupportOptions{Version: version}
	c := &cobra.Command{
		Use: "support", Short: "Write one file with everything that helps to find out what is wrong", Args: usageArgs(cobra.NoArgs),
		Long: "Write one zip file with everything that helps to find out what is wrong: the site file and machine configs without\n" +
			"secrets, the journal, how machines booted, logs and resources of every node that answers, in maintenance mode too,\n" +
			"releases, events and the site's status. Nothing is changed, and foreign machines are not touched. summary.txt in it\n" +
			"tells what is missing and why. The exit code is 1 if a part could not be had from a node that answers.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			support.File = file.path
			support.Say = func(line string) { fmt.Fprintln(streams.Err, ui.Printable(line)) }
			bundle, err := bootstrap.Support(cmd.Context(), options, support)
			if incomplete := (*bootstrap.IncompleteBundleError)(nil); err != nil && !errors.As(err, &incomplete) {
				return wrongRecipient(err)
			}
			return errors.Join(file.print(streams, bundle, func() string { return bundle.File + "\n" }), err)
		},
	}
	flags.add(c)
	file.add(c, "the bundle's file, replaced if it is there (default: cozy-install-support-<site>-<time>.zip here, with .age if encrypted)")
	c.Flags().StringSliceVar(&support.EncryptTo, "encrypt-to", nil, "age recipients (age1...) who alone can open the bundle")
	return c
}
