// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func newBundleServeCommand(streams Streams) *cobra.Command {
	var options bootstrap.RegistryOptions
	var file string
	var from binariesFlag
	c := &cobra.Command{
		Use: "serve", Short: "Run the bastion's registry until interrupted", Args: usageArgs(cobra.NoArgs),
		Long: "Run the bastion's registry until interrupted: images and charts for the nodes and for Flux, from a directory that stays.\n" +
			"cozy-controller's image is made of the programs beside cozy-install and served too. An image of quay.io has the name\n" +
			"quay.io/... there. Nobody can push to it. With --pull-through it fetches what it lacks from the registries themselves.\n" +
			"Give nodes its address as registries.bastion in the site file.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.CacheLimit > 0 && !options.PullThrough {
				return &UsageError{Err: errors.New("--cache-limit bounds what --pull-through keeps: give both, or neither")}
			}
			if cmd.Flags().Changed("keep-archives") && options.KeepArchives < archive.MinArchives {
				return &UsageError{Err: fmt.Errorf("--keep-archives %d: at least %d stay, as nodes run on the last but one until all were brought "+
					"to the last", options.KeepArchives, archive.MinArchives)}
			}
			if file != "" {
				s, err := site.Load(file)
				if err != nil {
					return err
				}
				options.Site = s
			}
			var err error
			if options.Controller, err = from.binaries(streams.version); err != nil {
				return err
			}
			options.Log = slog.New(slog.NewTextHandler(streams.Err, nil))
			return bootstrap.ServeRegistry(cmd.Context(), options, func(line string) { fmt.Fprintln(streams.Err, ui.Printable(line)) })
		},
	}
	from.add(c)
	addExceptions(c, &options.Allow)
	c.Flags().StringVar(&options.Store, "store", "registry", "directory of what is served; it is made for its owner only")
	c.Flags().StringVar(&options.Archive, "archive", "", "an archive of bundle save, which is loaded into the store first; loading it again changes nothing")
	c.Flags().StringVar(&options.PublicKey, "public-key", "", "file of the key that the archive must be signed with")
	c.Flags().BoolVar(&options.Unsigned, "unsigned", false, "take an archive without a signature")
	c.Flags().StringVar(&options.Listen, "listen", ":5000", "TCP address to listen on")
	c.Flags().BoolVar(&options.PullThrough, "pull-through", false, "fetch what the store lacks from the registries themselves")
	c.Flags().Var(bytesFlag{&options.CacheLimit}, "cache-limit",
		"the most that --pull-through keeps, such as 20Gi: what was not used for longest goes, what an archive brought stays (default: no limit)")
	c.Flags().IntVar(&options.KeepArchives, "keep-archives", 0,
		"how many of the archives that were loaded stay, the newest, such as 2; what only older ones have is removed after --archive "+
			"was loaded (default: all)")
	c.Flags().StringSliceVar(&options.Images, "image", nil, "one more image that the site's logins are lent for; may be repeated")
	c.Flags().StringVarP(&file, "file", "f", "", "the site file: the registries, mirrors and logins of --pull-through (default: the registries of all bundles)")
	return c
}
