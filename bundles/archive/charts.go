// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cozystack/cozy-install/bundles"
)

// PackedChart is a chart as Helm packs it.
type PackedChart struct {
	Name    string
	Version string
	Archive []byte
}

// artifact is a chart as `helm push` puts it into a registry: blobs by digest, and which of them is the manifest. Its
// configuration would be Chart.yaml as JSON, which nobody reads to install it; here it has name and version alone, so that the
// same chart always becomes the same bytes.
func (c PackedChart) artifact() (map[v1.Hash][]byte, v1.Hash, error) {
	blobs := map[v1.Hash][]byte{}
	add := func(kind types.MediaType, content []byte) (v1.Descriptor, error) {
		sum, size, err := v1.SHA256(bytes.NewReader(content))
		blobs[sum] = content
		return v1.Descriptor{MediaType: kind, Digest: sum, Size: size}, err
	}
	meta, err := json.Marshal(map[string]string{"apiVersion": "v2", "name": c.Name, "version": c.Version})
	if err != nil {
		return nil, v1.Hash{}, err
	}
	config, err := add(bundles.ChartConfigType, meta)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	layer, err := add(bundles.ChartLayerType, c.Archive)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{layer},
	})
	if err != nil {
		return nil, v1.Hash{}, err
	}
	manifest, err := add(types.OCIManifestSchema1, raw)
	if err != nil {
		return nil, v1.Hash{}, fmt.Errorf("chart %s %s: %w", c.Name, c.Version, err)
	}
	return blobs, manifest.Digest, nil
}
