// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cozystack/cozy-install/bundles"
)

// Root is the image under the name that the bastion's registry has for it. It reports false for what is no image's name.
func (s SavedImage) Root() (Root, bool) {
	image, err := ParseImage(s.Name)
	return Root{Repository: image.Repository(), Tag: image.Tag, Digest: s.Digest}, err == nil
}

// HasChart says whether there is a chart of that name and version.
func (c Contents) HasChart(name, version string) bool { return c.chart(name, version) >= 0 }

func (c Contents) chart(name, version string) int {
	return slices.IndexFunc(c.Charts, func(saved SavedChart) bool { return saved.Name == name && saved.Version == version })
}

// Chart is a chart as Helm packs it, checked against its digest.
func (a *Archive) Chart(name, version string) ([]byte, error) {
	i := a.Contents.chart(name, version)
	if i < 0 {
		return nil, fmt.Errorf("the archive has no chart %s %s", name, version)
	}
	raw, err := a.small(blobFile(a.Contents.Charts[i].Digest))
	if err != nil {
		return nil, fmt.Errorf("chart %s %s: %w", name, version, err)
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, fmt.Errorf("chart %s %s: its manifest: %w", name, version, err)
	}
	for _, layer := range manifest.Layers {
		if layer.MediaType != bundles.ChartLayerType {
			continue
		}
		if err := checkSHA256("chart "+name, layer.Digest); err != nil {
			return nil, err
		}
		packed, err := a.small(blobFile(layer.Digest))
		if err != nil {
			return nil, fmt.Errorf("chart %s %s: %w", name, version, err)
		}
		return packed, nil
	}
	return nil, fmt.Errorf("chart %s %s: its manifest names no content", name, version)
}
