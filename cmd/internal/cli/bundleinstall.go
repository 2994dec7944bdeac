// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
)

func newBundleInstallCommand(streams Streams) *cobra.Command {
	var flags packageFlags
	var agree agreeFlags
	var archived archiveFlags
	c := &cobra.Command{
		Use: "install", Short: "Bring the packages of a running cluster to what the site file says", Args: usageArgs(cobra.NoArgs),
		Long: "Bring the packages of a running cluster to what the site file says: the core, then the rest, then what it disables is\n" +
			"removed. No machine is touched. Packages that hold data stay unless --accept-risk data-loss is given. It may be killed\n" +
			"at any moment and run again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := agree.check(); err != nil {
				return err
			}
			change := changeFlags{
				site: flags.site, output: flags.output, progress: flags.progress, dryRun: flags.dryRun, accept: agree.accept,
				archived: archived, packages: true,
			}
			return change.do(cmd, streams, func(s *site.Site) (bootstrap.Work, error) { return bootstrap.InstallBundle(s), nil }, nil, "")
		},
	}
	flags.add(c)
	flags.site.addPackages(c)
	archived.add(c)
	agree.addAccept(c)
	return c
}
