// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cozystack/cozy-install/bundles/archive"
)

// PushImages puts an image with nothing sensible in it, for linux/amd64, into the registry at source for each image that an
// archive lacked. None can be made up for a name with a digest.
func PushImages(ctx context.Context, source string, lacking *archive.IncompleteError) error {
	for _, one := range lacking.Missing {
		missing, ok := one.(*archive.MissingError) //nolint:errorlint // the list has them as they are
		if !ok {
			return one
		}
		image, isImage := strings.CutPrefix(missing.What, "image ")
		if !isImage {
			return missing
		}
		if err := pushImage(ctx, source, image); err != nil {
			return fmt.Errorf("push %s: %w", missing.What, err)
		}
	}
	return nil
}

func pushImage(ctx context.Context, source, image string) error {
	parsed, err := archive.ParseImage(image)
	if err != nil {
		return err
	}
	if parsed.Digest != "" {
		return errors.New("no image can be made for a digest")
	}
	reference, err := name.ParseReference(source + "/" + parsed.Repository() + ":" + parsed.Tag)
	if err != nil {
		return err
	}
	made, err := random.Image(300, 1)
	if err != nil {
		return err
	}
	config, err := made.ConfigFile()
	if err != nil {
		return err
	}
	config.OS, config.Architecture = "linux", "amd64"
	if made, err = mutate.ConfigFile(made, config); err != nil {
		return err
	}
	return remote.Write(reference, made, remote.WithContext(ctx))
}
