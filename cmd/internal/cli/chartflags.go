// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bundles"
)

// chartFlags are the flags for where charts come from.
type chartFlags struct {
	source string
	follow []string
}

func (f *chartFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.source, "chart-source", "",
		"URL of a chart repository, http(s):// or oci://, that stands in for all others (without TLS: oci+http://)")
	c.Flags().StringSliceVar(&f.follow, "chart-follow", nil,
		"a host on a private network that registries of charts may lead to, or a token service of another domain; may be repeated")
}

// check refuses what is no address of charts, before anything is done.
func (f *chartFlags) check() error {
	if f.source == "" {
		return nil
	}
	if err := bundles.CheckChartSource(f.source); err != nil {
		return &UsageError{Err: err}
	}
	return nil
}
