// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

// archiveFlags name what a run takes from a file instead of the network.
type archiveFlags struct {
	options bootstrap.ArchiveOptions
	key     string
}

func (f *archiveFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.options.File, "archive", "", "take charts, images and boot assets from this file of bundle save, now and later; needs registries.bastion")
	c.Flags().StringVar(&f.key, "public-key", "", "file with the key that the archive must be signed by (default: that of an earlier run)")
	c.Flags().BoolVar(&f.options.Unsigned, "unsigned", false, "take an archive without a signature")
	c.Flags().StringVar(&f.options.Store, "registry-store", "", "the --store of bundle serve, which the archive is loaded into (default: registry, in the work directory)")
	c.Flags().BoolVar(&f.options.Online, "online", false, "take everything from the network again, where an earlier run had an archive")
}

func (f *archiveFlags) load() (bootstrap.ArchiveOptions, error) {
	if f.options.File == "" {
		if f.key != "" || f.options.Unsigned || f.options.Store != "" {
			return f.options, &UsageError{Err: errors.New("--public-key, --unsigned and --registry-store are for --archive FILE")}
		}
		return f.options, nil
	}
	if f.options.Online {
		return f.options, &UsageError{Err: errors.New("--online is for a site that is to go on without --archive")}
	}
	if f.key == "" {
		return f.options, nil
	}
	line, err := os.ReadFile(f.key)
	if err != nil {
		return f.options, fmt.Errorf("read the public key: %w", err)
	}
	f.options.PublicKey = line
	return f.options, nil
}
