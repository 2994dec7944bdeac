// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func newBundleSaveCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	var options bootstrap.SaveOptions
	var key string
	var makeKey bool
	c := &cobra.Command{
		Use: "save", Short: "Write everything a site needs of the network into one file", Args: usageArgs(cobra.NoArgs),
		Long: "Write everything a site needs of the network into one file: charts, images by digest, Talos's installer and what\n" +
			"machines boot, with checksums and a signature. What was fetched stays in the work directory, so that it may be\n" +
			"interrupted and run again. Registries that want a login get that of docker's configuration.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.check(); err != nil {
				return err
			}
			if options.File == "" {
				return &UsageError{Err: errors.New("name the archive with --to FILE")}
			}
			err := checkSaving(options.File, options.Platforms)
			if err != nil {
				return err
			}
			if options.Options, err = flags.load(streams); err != nil {
				return err
			}
			if options.Key, err = signingKey(key, makeKey); err != nil {
				return err
			}
			options.Say = func(line string) { fmt.Fprintln(streams.Err, ui.Printable(line)) }
			saved, err := bootstrap.SaveBundle(cmd.Context(), options)
			if err != nil {
				return err
			}
			return output.print(streams.Out, saved, func() string { return savedText(saved) })
		},
	}
	flags.add(c)
	flags.addPackages(c)
	output.add(c)
	addExceptions(c, &options.Allow)
	c.Flags().StringVar(&flags.assetsDir, "assets-dir", "", "directory with Talos's kernel and initramfs (default: fetched from talos.factory)")
	c.Flags().StringVar(&options.File, "to", "", "the archive to write")
	c.Flags().StringSliceVar(&options.Platforms, "platform", nil, "linux/amd64 or linux/arm64, or both (default: those of the site's nodes)")
	c.Flags().StringVar(&options.ImageSource, "image-source", "", "a registry that has all images, those of quay.io under quay.io/ (default: each its own)")
	c.Flags().StringSliceVar(&options.Images, "image", nil, "one more image; may be repeated")
	c.Flags().StringVar(&key, "key", "", "an ed25519 key of OpenSSH to sign with (default: the archive is not signed)")
	c.Flags().BoolVar(&makeKey, "make-key", false, "make the key if there is none")
	return c
}

// checkSaving refuses what would fail at the end, after everything was fetched. No platforms are those of the site.
func checkSaving(file string, platforms []string) error {
	if len(platforms) > 0 {
		if err := archive.CheckPlatforms(platforms); err != nil {
			return &UsageError{Err: err}
		}
	}
	return archive.CheckTarget(file)
}

// signingKey is nil where none is named.
func signingKey(file string, create bool) (*archive.Key, error) {
	if file == "" {
		if create {
			return nil, &UsageError{Err: errors.New("--make-key: name the file with --key")}
		}
		return nil, nil //nolint:nilnil // not signed
	}
	if _, err := os.Stat(file); create && errors.Is(err, os.ErrNotExist) {
		return archive.MakeKey(file)
	}
	return archive.ReadKey(file)
}

func savedText(s archive.Saved) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %d images for %s, %d charts, %d boot assets.\n", s.File, humanize.Bytes(uint64(s.Bytes)),
		len(s.Contents.Images), strings.Join(s.Contents.Platforms, " and "), len(s.Contents.Charts), len(s.Contents.Assets))
	for _, image := range s.Contents.Images {
		if len(image.Lacks) > 0 {
			fmt.Fprintf(&b, "%s does not exist for %s.\n", image.Name, strings.Join(image.Lacks, " and "))
		}
	}
	if s.PublicKey == "" {
		return b.String() + "It is not signed: whoever can change the file can change what is installed. Its SHA256SUMS has the SHA-256\n  " + s.SHA256 + "\n"
	}
	return b.String() + "It is signed. Where it is used, give --public-key a file with this line:\n  " + s.PublicKey + "\n"
}
