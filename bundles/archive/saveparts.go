// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func (w *writing) addCharts(charts []PackedChart) error {
	for _, chart := range charts {
		if !isChartName(chart.Name) || !isTag(chartTag(chart.Version)) {
			return fmt.Errorf("chart %q %q: registries have no such name or tag", chart.Name, chart.Version)
		}
		blobs, manifest, err := chart.artifact()
		if err != nil {
			return err
		}
		for sum, content := range blobs {
			if err := w.cache.put(sum, content); err != nil {
				return fmt.Errorf("chart %s %s: %w", chart.Name, chart.Version, err)
			}
			w.blobs[sum] = int64(len(content))
		}
		w.contents.Charts = append(w.contents.Charts, SavedChart{chart.Name, chart.Version, manifest})
	}
	return nil
}

// addMade puts images into the cache that no registry has.
func (w *writing) addMade(images []MadeImage) error {
	for _, made := range images {
		image, err := ParseImage(made.Name)
		if err != nil {
			return err
		}
		digest, err := made.Index.Digest()
		if err != nil {
			return fmt.Errorf("image %s: %w", made.Name, err)
		}
		if err := w.addIndex(made.Index); err != nil {
			return fmt.Errorf("image %s: %w", made.Name, err)
		}
		lacks, err := w.lackedBy(made.Index)
		if err != nil {
			return fmt.Errorf("image %s: %w", made.Name, err)
		}
		w.contents.Images = append(w.contents.Images, SavedImage{Name: image.String(), Digest: digest, Lacks: lacks})
	}
	return nil
}

// lackedBy are the archive's platforms that an index has no image for.
func (w *writing) lackedBy(index v1.ImageIndex) ([]string, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var has []v1.Platform
	for _, child := range manifest.Manifests {
		if child.Platform != nil {
			has = append(has, *child.Platform)
		}
	}
	wanted, err := parsePlatforms(w.contents.Platforms)
	return lacking(wanted, has), err
}

func (w *writing) addIndex(index v1.ImageIndex) error {
	raw, err := index.RawManifest()
	if err != nil {
		return err
	}
	if err := w.addBlob(sumOf(raw), int64(len(raw)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }); err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, child := range manifest.Manifests {
		image, err := index.Image(child.Digest)
		if err != nil {
			return err
		}
		if err := w.addMadeImage(image); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) addMadeImage(image v1.Image) error {
	raw, err := image.RawManifest()
	if err != nil {
		return err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	for _, content := range [][]byte{raw, config} {
		if err := w.addBlob(sumOf(content), int64(len(content)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }); err != nil {
			return err
		}
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		sum, err := layer.Digest()
		if err != nil {
			return err
		}
		size, err := layer.Size()
		if err != nil {
			return err
		}
		if err := w.addBlob(sum, size, layer.Compressed); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) addBlob(sum v1.Hash, size int64, open func() (io.ReadCloser, error)) error {
	w.blobs[sum] = size
	if has, there := w.cache.size(sum); there && has == size {
		return nil
	}
	from, err := open()
	if err != nil {
		return err
	}
	defer from.Close() // only read
	return w.cache.write(sum, func(to io.Writer) error {
		_, err := io.Copy(to, from)
		return err
	})
}

// addImages notes what was found. Two names may stand for one image.
func (w *writing) addImages(images []*found) error {
	for _, image := range images {
		w.contents.Images = append(w.contents.Images, SavedImage{Name: image.image.String(), Digest: image.digest, Lacks: image.lacks})
		for _, sum := range image.small {
			size, has := w.cache.size(sum)
			if !has {
				return fmt.Errorf("image %s: %s is gone from the cache", image.image, sum)
			}
			w.blobs[sum] = size
		}
		for _, layer := range image.layers {
			w.blobs[layer.Digest] = layer.Size
		}
	}
	return nil
}

func (w *writing) addAssets(ctx context.Context, paths []string) error {
	w.assets = map[string]asset{}
	for _, path := range paths {
		name := filepath.Base(path)
		if _, twice := w.assets[name]; twice || !isAssetName(name) {
			return fmt.Errorf("boot asset %s: a file of that name can't be in an archive, or is there already", path)
		}
		one, err := measure(ctx, path)
		if err != nil {
			return fmt.Errorf("boot asset: %w", err)
		}
		w.assets[name] = one
		w.contents.Assets = append(w.contents.Assets, SavedAsset{name, one.size})
	}
	return nil
}

func measure(ctx context.Context, path string) (asset, error) {
	from, err := os.Open(path)
	if err != nil {
		return asset{}, err
	}
	defer from.Close() // only read
	hash := sha256.New()
	size, err := io.Copy(hash, &cancellable{ctx, from})
	return asset{path, size, v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}}, err
}

// index is the layout's entry. Other tools find an image there by its name.
func (w *writing) index() ([]byte, error) {
	out := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	add := func(name string, sum v1.Hash) error {
		raw, has := w.cache.small(sum)
		if !has {
			return fmt.Errorf("%s: %s is gone from the cache", name, sum)
		}
		var manifest struct {
			MediaType types.MediaType `json:"mediaType"`
			Manifests []any           `json:"manifests"`
		}
		if err := json.Unmarshal(raw, &manifest); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		kind := manifest.MediaType
		if kind == "" && len(manifest.Manifests) > 0 {
			kind = types.OCIImageIndex
		} else if kind == "" {
			kind = types.OCIManifestSchema1
		}
		out.Manifests = append(out.Manifests, v1.Descriptor{
			MediaType: kind, Digest: sum, Size: int64(len(raw)),
			Annotations: map[string]string{"org.opencontainers.image.ref.name": name},
		})
		return nil
	}
	for _, image := range w.contents.Images {
		if err := add(image.Name, image.Digest); err != nil {
			return nil, err
		}
	}
	for _, chart := range w.contents.Charts {
		if err := add(ChartRepository(chart.Name)+":"+chartTag(chart.Version), chart.Digest); err != nil {
			return nil, err
		}
	}
	return json.MarshalIndent(out, "", "  ")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
