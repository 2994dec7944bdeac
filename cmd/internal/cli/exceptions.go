// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bundles/archive"
)

// addExceptions adds the flags for what registries are trusted with beyond TLS.
func addExceptions(c *cobra.Command, to *archive.Exceptions) {
	c.Flags().StringSliceVar(&to.PlainHTTP, "insecure", nil,
		"a registry to speak plain HTTP to, without its login; may be repeated. Mirrors of the site file with http:// need no mention")
	c.Flags().StringSliceVar(&to.PlainLogin, "insecure-login", nil,
		"a registry without TLS that is sent its login all the same, for everybody on the way to read; may be repeated")
	c.Flags().StringSliceVar(&to.Follow, "follow", nil,
		"a host on a private network that registries may lead to, or a token service of another domain; may be repeated")
}
