// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	// largestManifest bounds manifests, indexes and configurations of images. Registries take 4 MiB.
	largestManifest = 4 << 20
	// answerTimeout is how long a registry may take to answer. What it then sends may take long, but not stand still for as
	// long as pullStall.
	answerTimeout = time.Minute
	pullStall     = time.Minute
)

// puller reads images from their registries.
type puller struct {
	cache     cache
	source    string // a registry that has all images, as the bastion's has; empty: each its own
	platforms []v1.Platform
	allow     Exceptions
	named     hosts
	network   http.RoundTripper

	mu      sync.Mutex
	clients map[string]*remote.Puller // by registry
}

// found is an image as its registry has it: its manifests and configurations are in the cache, its layers are not yet.
type found struct {
	image  Image
	digest v1.Hash
	small  []v1.Hash       // in the cache
	layers []v1.Descriptor // to be fetched
	lacks  []string        // platforms
	from   name.Repository
}

// manifestFile is what a manifest or an index says.
type manifestFile struct {
	Manifests []v1.Descriptor `json:"manifests"`
	Config    *v1.Descriptor  `json:"config"`
	Layers    []v1.Descriptor `json:"layers"`
}

// find reads what an image consists of.
func (p *puller) find(ctx context.Context, image Image) (*found, error) {
	reference, err := p.reference(image)
	if err != nil {
		return nil, err
	}
	out := &found{image: image, from: reference.Context()}
	raw, err := p.manifest(ctx, reference)
	if err != nil {
		return nil, err
	}
	out.digest = sumOf(raw)
	if image.Digest != "" && out.digest.String() != image.Digest {
		return nil, fmt.Errorf("the registry sent %s", out.digest)
	}
	out.small = append(out.small, out.digest)
	var top manifestFile
	if err := json.Unmarshal(raw, &top); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", out.digest, err)
	}
	if len(top.Manifests) == 0 {
		platform, err := p.addImage(ctx, out, top)
		if err == nil {
			out.lacks = lacking(p.platforms, []v1.Platform{platform})
		}
		return p.useful(out, []v1.Platform{platform}, err)
	}
	var has []v1.Platform
	for _, child := range top.Manifests {
		if child.Platform != nil {
			has = append(has, *child.Platform)
		}
	}
	out.lacks = lacking(p.platforms, has)
	for _, wanted := range p.platforms {
		i := slices.IndexFunc(top.Manifests, func(d v1.Descriptor) bool { return d.Platform != nil && isFor(*d.Platform, wanted) })
		if i < 0 {
			continue
		}
		if err := p.addChild(ctx, out, top.Manifests[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", wanted, err)
		}
	}
	return p.useful(out, has, nil)
}

// useful refuses an image that exists for none of the platforms.
func (p *puller) useful(f *found, has []v1.Platform, err error) (*found, error) {
	if err != nil {
		return nil, err
	}
	if len(f.lacks) < len(p.platforms) {
		return f, nil
	}
	var names []string
	for _, platform := range has {
		names = append(names, platform.String())
	}
	return nil, fmt.Errorf("it is for %s only, and none of %s", strings.Join(names, ", "), strings.Join(f.lacks, ", "))
}

func (p *puller) addChild(ctx context.Context, f *found, child v1.Descriptor) error {
	if err := checkSHA256("image", child.Digest); err != nil {
		return err
	}
	raw, err := p.manifest(ctx, f.from.Digest(child.Digest.String()))
	if err != nil {
		return err
	}
	if got := sumOf(raw); got != child.Digest {
		return &wrongBlobError{want: child.Digest, got: got.Hex}
	}
	var manifest manifestFile
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return fmt.Errorf("manifest %s: %w", child.Digest, err)
	}
	f.small = append(f.small, child.Digest)
	_, err = p.addImage(ctx, f, manifest)
	return err
}

// addImage reads an image's configuration and lists its layers. The platform is empty for what is no image to run.
func (p *puller) addImage(ctx context.Context, f *found, manifest manifestFile) (v1.Platform, error) {
	if manifest.Config == nil {
		return v1.Platform{}, errors.New("its manifest names no configuration: formats older than Docker's schema 2 are not supported")
	}
	if err := checkBlob(*manifest.Config, largestManifest); err != nil {
		return v1.Platform{}, err
	}
	if err := p.fetch(ctx, f.from, *manifest.Config, nil); err != nil {
		return v1.Platform{}, err
	}
	f.small = append(f.small, manifest.Config.Digest)
	for _, layer := range manifest.Layers {
		if len(layer.URLs) > 0 { // a layer that its vendor lets nobody copy: nodes get it from there
			continue
		}
		if err := checkBlob(layer, maxFile); err != nil {
			return v1.Platform{}, err
		}
		f.layers = append(f.layers, layer)
	}
	raw, _ := p.cache.small(manifest.Config.Digest)
	var platform v1.Platform
	if err := json.Unmarshal(raw, &platform); err != nil {
		return v1.Platform{}, fmt.Errorf("configuration %s: %w", manifest.Config.Digest, err)
	}
	return platform, nil
}

func checkBlob(d v1.Descriptor, most int64) error {
	if d.Size < 0 || d.Size > most {
		return fmt.Errorf("blob %s has %d bytes, at most %d are taken", d.Digest, d.Size, most)
	}
	return checkSHA256("blob", d.Digest)
}

// manifest reads a manifest or an index, from the cache where it is named by digest and there.
func (p *puller) manifest(ctx context.Context, reference name.Reference) ([]byte, error) {
	if digest, ok := reference.(name.Digest); ok {
		sum, err := v1.NewHash(digest.DigestStr())
		if err != nil {
			return nil, err
		}
		if raw, has := p.cache.small(sum); has {
			return raw, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTimeout)
	defer cancel()
	client, err := p.client(reference.Context().Registry)
	if err != nil {
		return nil, err
	}
	answer, err := client.Get(ctx, reference)
	if err != nil {
		return nil, err
	}
	if len(answer.Manifest) > largestManifest {
		return nil, fmt.Errorf("its manifest has %d bytes, at most %d are taken", len(answer.Manifest), largestManifest)
	}
	return answer.Manifest, p.cache.put(sumOf(answer.Manifest), answer.Manifest)
}

// isFor says whether an image for one platform runs on another, which has no variant: arm64/v8 is arm64.
func isFor(is, wanted v1.Platform) bool {
	return is.OS == wanted.OS && is.Architecture == wanted.Architecture
}

func lacking(wanted, has []v1.Platform) []string {
	var out []string
	for _, platform := range wanted {
		if !slices.ContainsFunc(has, func(is v1.Platform) bool { return isFor(is, platform) }) {
			out = append(out, platform.String())
		}
	}
	return out
}
