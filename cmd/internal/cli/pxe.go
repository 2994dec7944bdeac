// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newPXECommand(streams Streams) *cobra.Command {
	return newGroup("pxe", "Netboot machines", newPXEServeCommand(streams))
}

func newPXEServeCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	c := &cobra.Command{
		Use: "serve", Short: "Serve DHCP, TFTP and HTTP to the machines of a site until interrupted",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			return bootstrap.ServeNetboot(cmd.Context(), options, func(line string) { fmt.Fprintln(streams.Err, line) })
		},
	}
	flags.add(c)
	flags.addNetboot(c)
	return c
}
