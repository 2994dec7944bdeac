// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// packageFlags are the flags of the commands that change the packages of a running site.
type packageFlags struct {
	site     siteFlags
	output   outputFlag
	progress string
	dryRun   bool
}

func (f *packageFlags) add(c *cobra.Command) {
	f.site.add(c)
	f.output.add(c)
	c.Flags().StringVar(&f.progress, "progress", string(ui.Auto), "form of the progress on stderr: auto, plain or json")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and change nothing")
}
