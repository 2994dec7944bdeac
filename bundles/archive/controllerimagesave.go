// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/renameio/v2"
)

// Forms of an archive with one image.
const (
	// OCIArchive is an OCI image layout in a tar file: all platforms, and the image keeps its digest. `kind load image-archive`
	// and `ctr images import` take it.
	OCIArchive = "oci-archive"
	// DockerArchive is what `docker save` writes and `docker load` reads: one platform, without a digest.
	DockerArchive = "docker-archive"
)

// FormError says that an archive of that form can't be written.
type FormError struct{ Reason, Next string }

func (e *FormError) Error() string { return e.Reason }

// Hint tells what can be.
func (e *FormError) Hint() string { return e.Next }

// Save writes the image to a file, whole or not at all, for a container runtime to load. It returns the name under which the
// runtime has it then: by digest, or for a DockerArchive by tag. A platform, linux/amd64, is for a DockerArchive; it may be
// left out if the image has only one.
func (i *ControllerImage) Save(ctx context.Context, path, form, platform string) (reference string, err error) {
	write := i.writeOCI
	switch {
	case form == OCIArchive && platform != "":
		return "", &FormError{"an " + OCIArchive + " holds all platforms", "leave --platform out"}
	case form == OCIArchive:
		reference = i.Reference()
	case form == DockerArchive:
		one, err := i.onePlatform(platform)
		if err != nil {
			return "", err
		}
		tag, err := name.NewTag(ControllerRepository + ":" + tagOf(i.Version))
		if err != nil {
			return "", err
		}
		reference = tag.String()
		write = func(_ context.Context, to io.Writer) error { return tarball.Write(tag, one, to) }
	default:
		return "", &FormError{fmt.Sprintf("no archive has the form %q", form), "there are " + OCIArchive + " and " + DockerArchive}
	}
	if err := CheckTarget(path); err != nil {
		return "", err
	}
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return "", fmt.Errorf("save cozy-controller's image: %w", err)
	}
	defer file.Cleanup() //nolint:errcheck // there is nothing to clean up once it was replaced, and an error is told already
	if err := write(ctx, file); err != nil {
		return "", fmt.Errorf("save cozy-controller's image to %s: %w", path, err)
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return "", fmt.Errorf("save cozy-controller's image to %s: %w", path, err)
	}
	return reference, nil
}

func (i *ControllerImage) onePlatform(platform string) (v1.Image, error) {
	if platform == "" && len(i.Platforms) == 1 {
		platform = i.Platforms[0]
	}
	at := slices.Index(i.Platforms, platform)
	if at < 0 {
		return nil, &FormError{
			fmt.Sprintf("a %s holds one platform, and --platform is %q", DockerArchive, platform),
			"--platform " + strings.Join(i.Platforms, " or "),
		}
	}
	manifest, err := i.Index.IndexManifest()
	if err != nil {
		return nil, err
	}
	return i.Index.Image(manifest.Manifests[at].Digest)
}

// writeOCI writes the layout. The names that containerd gives to what it imports are an annotation of its own; with it, pods
// find the image by its digest.
func (i *ControllerImage) writeOCI(ctx context.Context, to io.Writer) error {
	size, err := i.Index.Size()
	if err != nil {
		return err
	}
	layout, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType: types.OCIImageIndex, Digest: i.Digest, Size: size,
			Annotations: map[string]string{
				"io.containerd.image.name":          i.Reference(),
				"org.opencontainers.image.ref.name": tagOf(i.Version),
			},
		}},
	})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	for _, small := range []struct {
		name    string
		content []byte
	}{{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)}, {"index.json", layout}} {
		if err := addFile(archive, small.name, int64(len(small.content)), strings.NewReader(string(small.content))); err != nil {
			return err
		}
	}
	for _, b := range i.blobs {
		if err := ctx.Err(); err != nil {
			return err
		}
		content, err := b.open()
		if err != nil {
			return err
		}
		err = addFile(archive, "blobs/"+b.sum.Algorithm+"/"+b.sum.Hex, b.size, content)
		_ = content.Close() // it was read to its end, or there is an error already
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

func addFile(to *tar.Writer, name string, size int64, content io.Reader) error {
	header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := to.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(to, content)
	return err
}

// tagOf makes a tag of a version: v1.2.3+abc -> v1.2.3_abc.
func tagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }
