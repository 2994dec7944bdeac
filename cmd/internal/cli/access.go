// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newKubeconfigCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var file string
	c := &cobra.Command{
		Use: "kubeconfig", Short: "Write an administrator's kubeconfig of the cluster", Args: usageArgs(cobra.NoArgs),
		Long: "Write an administrator's kubeconfig to standard output or to a file with mode 0600. It is fetched anew from a control\n" +
			"plane; when none answers, it is the one that the work directory kept, and stderr says so. ~/.kube/config is left alone.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			access, err := bootstrap.Kubeconfig(cmd.Context(), options)
			if err != nil {
				return err
			}
			return writeAccess(streams, file, access)
		},
	}
	flags.add(c)
	c.Flags().StringVarP(&file, "output", "o", "", "file to write, replaced if it is there (default: standard output)")
	return c
}

func newTalosconfigCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var file string
	c := &cobra.Command{
		Use: "talosconfig", Short: "Write an administrator's talosconfig of the nodes", Args: usageArgs(cobra.NoArgs),
		Long: "Write an administrator's talosconfig to standard output or to a file with mode 0600. It is made anew of the site's\n" +
			"secrets, valid for a year; where they can't be opened, it is the one that the work directory kept, and stderr says so.",
		RunE: func(*cobra.Command, []string) error {
			options, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			access, err := bootstrap.Talosconfig(options)
			if err != nil {
				return err
			}
			return writeAccess(streams, file, access)
		},
	}
	flags.add(c)
	c.Flags().StringVarP(&file, "output", "o", "", "file to write, replaced if it is there (default: standard output)")
	return c
}
