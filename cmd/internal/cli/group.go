// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

// newGroup makes a command that only holds others. Alone it shows its help; an unknown command below it is a wrong usage,
// which cobra would answer with help and success if the group itself could not run.
func newGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(commands...)
	return c
}
