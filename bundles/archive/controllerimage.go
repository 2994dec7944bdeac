// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"maps"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ControllerRepository is the name of the image that is made from cozy-controller's programs, where nobody gave it another.
// No such host exists: nodes have the image from the bastion's registry, or from an archive.
const ControllerRepository = "cozy-install.local/cozy-controller"

const (
	// controllerUser is what the chart runs it as: nobody in particular, and never root.
	controllerUser = "65532:65532"
	controllerPort = "9680/tcp"
	// controllerProgram is the one file of the image. It talks to the Kubernetes API, whose certificate its ServiceAccount
	// brings, and serves charts: it needs no other certificates, and no shell.
	controllerProgram = "cozy-controller"
)

// ControllerImage is cozy-controller's image: an index with one image a platform. The same programs make the same bytes.
type ControllerImage struct {
	Index  v1.ImageIndex
	Digest v1.Hash // of the index
	// Version is what the programs were built as.
	Version string
	// Platforms are those that it holds: linux/amd64.
	Platforms []string
	// Missing are the programs that were not there: cozy-controller-linux-arm64. Nodes of their platforms can't run the image.
	Missing []string

	blobs []imageBlob // all it is made of, the index first
}

// Reference is the image's name by digest: cozy-install.local/cozy-controller@sha256:...
func (i *ControllerImage) Reference() string { return ControllerRepository + "@" + i.Digest.String() }

// BuildController makes cozy-controller's image. Programs that are not what they have to be are a *BinariesError. The files
// are read again when the image is: they must stay as they are as long as it is used.
func BuildController(ctx context.Context, b ControllerBinaries) (*ControllerImage, error) {
	found, missing, err := b.find()
	if err != nil {
		return nil, err
	}
	out := &ControllerImage{Version: b.Version, Missing: missing}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, one := range found {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		platform := v1.Platform{OS: "linux", Architecture: one.arch}
		image, err := controllerImage(one, platform)
		if err != nil {
			return nil, fmt.Errorf("make cozy-controller's image for %s: %w", platform, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
		out.Platforms = append(out.Platforms, platform.String())
	}
	out.Index, _ = mutate.Annotations(index, labels(found[0])).(v1.ImageIndex) // what goes in as an index comes out as one
	if out.Digest, err = out.Index.Digest(); err != nil {
		return nil, fmt.Errorf("make cozy-controller's image: %w", err)
	}
	if out.blobs, err = collect(out.Index); err != nil {
		return nil, fmt.Errorf("make cozy-controller's image: %w", err)
	}
	return out, nil
}

func controllerImage(from binary, platform v1.Platform) (v1.Image, error) {
	layer, err := newProgramLayer(from.path, controllerProgram, from.size)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "cozy-install image"}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = platform.OS, platform.Architecture
	config.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config = v1.Config{
		User: controllerUser, Entrypoint: []string{"/" + controllerProgram}, WorkingDir: "/",
		ExposedPorts: map[string]struct{}{controllerPort: {}}, Labels: labels(from),
	}
	return mutate.ConfigFile(image, config)
}

// labels are the image's words about itself, as the OCI image specification names them. There is no time among them: the same
// programs make the same image.
func labels(from binary) map[string]string {
	out := map[string]string{"org.opencontainers.image.version": from.version}
	if from.revision != "" {
		out["org.opencontainers.image.revision"] = from.revision
	}
	maps.Copy(out, map[string]string{
		"org.opencontainers.image.title":    "cozy-controller",
		"org.opencontainers.image.source":   "https://github.com/cozystack/cozy-install",
		"org.opencontainers.image.licenses": "Apache-2.0",
	})
	return out
}
