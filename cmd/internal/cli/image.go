// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bundles/archive"
)

func newImageCommand(streams Streams, version string) *cobra.Command {
	return newGroup("image", "Give cozy-controller's own image to a registry or a container runtime",
		newImageSaveCommand(streams, version), newImagePushCommand(streams, version))
}

// binariesFlag says where cozy-controller's programs are.
type binariesFlag struct{ dir string }

func (f *binariesFlag) add(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "controller-binaries", "",
		"directory with cozy-controller-linux-amd64 and -arm64, to make its image of (default: that of cozy-install)")
}

// binaries are the programs of this version.
func (f *binariesFlag) binaries(version string) (archive.ControllerBinaries, error) {
	out := archive.ControllerBinaries{Dir: f.dir, Version: version}
	if out.Dir != "" {
		return out, nil
	}
	program, err := os.Executable()
	if err != nil {
		return out, fmt.Errorf("find the directory of cozy-install: %w", err)
	}
	out.Dir = filepath.Dir(program)
	return out, nil
}

// build makes the image, and says if it is for some platforms only.
func (f *binariesFlag) build(ctx context.Context, streams Streams, version string) (*archive.ControllerImage, error) {
	binaries, err := f.binaries(version)
	if err != nil {
		return nil, err
	}
	image, err := archive.BuildController(ctx, binaries)
	if err != nil {
		return nil, err
	}
	if len(image.Missing) > 0 {
		fmt.Fprintf(streams.Err, "The image is for %s only: there is no %s in %s\n",
			strings.Join(image.Platforms, ", "), strings.Join(image.Missing, ", "), binaries.Dir)
	}
	return image, nil
}

// imageAnswer is what the image commands answer.
type imageAnswer struct {
	// Reference is the image's name where it is now, for --controller-image.
	Reference string   `json:"reference"`
	Platforms []string `json:"platforms"`
	Version   string   `json:"version"`
}

func (o *outputFlag) printImage(streams Streams, image *archive.ControllerImage, reference string, platforms ...string) error {
	if len(platforms) == 0 {
		platforms = image.Platforms
	}
	answer := imageAnswer{Reference: reference, Platforms: platforms, Version: image.Version}
	return o.print(streams.Out, answer, func() string { return reference + "\n" })
}

func newImageSaveCommand(streams Streams, version string) *cobra.Command {
	var from binariesFlag
	var output outputFlag
	var to, form, platform string
	c := &cobra.Command{
		Use: "save", Short: "Save cozy-controller's image as a file that a container runtime loads", Args: usageArgs(cobra.NoArgs),
		Long: "Save cozy-controller's image as a file that a container runtime loads, as `kind load image-archive` does. The answer is\n" +
			"the image's name there, for --controller-image.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return &UsageError{Err: errors.New("name the file to write with --to")}
			}
			if err := output.check(); err != nil {
				return err
			}
			image, err := from.build(cmd.Context(), streams, version)
			if err != nil {
				return err
			}
			reference, err := image.Save(cmd.Context(), to, form, platform)
			if err != nil {
				return err
			}
			var only []string
			if platform != "" {
				only = []string{platform}
			}
			return output.printImage(streams, image, reference, only...)
		},
	}
	from.add(c)
	output.add(c)
	c.Flags().StringVar(&to, "to", "", "the file to write")
	c.Flags().StringVar(&form, "format", archive.OCIArchive,
		"oci-archive: all platforms, by digest; docker-archive: one platform, by tag")
	c.Flags().StringVar(&platform, "platform", "", "the platform of a docker-archive: linux/amd64 or linux/arm64")
	return c
}

func newImagePushCommand(streams Streams, version string) *cobra.Command {
	var from binariesFlag
	var output outputFlag
	var trusted archive.PushOptions
	c := &cobra.Command{
		Use: "push REFERENCE", Short: "Push cozy-controller's image to a registry", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Push cozy-controller's image to a registry: REGISTRY/REPOSITORY, with a :TAG if it is not to be the version. Logins are\n" +
			"those of Docker's config. The answer is the image's name there by digest, for --controller-image.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			image, err := from.build(cmd.Context(), streams, version)
			if err != nil {
				return err
			}
			reference, err := image.Push(cmd.Context(), args[0], trusted)
			if err != nil {
				return err
			}
			return output.printImage(streams, image, reference)
		},
	}
	from.add(c)
	output.add(c)
	c.Flags().BoolVar(&trusted.Insecure, "insecure", false, "allow plain HTTP also to other hosts than this one")
	c.Flags().StringSliceVar(&trusted.Follow, "follow", nil,
		"a host on a private network that the registry may lead to, or a token service of another domain; may be repeated")
	c.Flags().BoolVar(&trusted.InsecureLogin, "insecure-login", false, "send the login in plain HTTP too, for everybody on the way to read")
	return c
}
