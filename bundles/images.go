// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// kubernetesVersion stands, in the name of an image, for the version of the site's Kubernetes.
const kubernetesVersion = "${" + FactKubernetesVersion + "}"

// imagesIn are the images of a package that is installed beside the selected ones.
func imagesIn(p *Package, selected map[string]bool, facts Facts, found *Problems) []string {
	out := slices.Clone(p.Images)
	for _, other := range sortedKeys(p.With) {
		if selected[other] {
			out = append(out, p.With[other].Images...)
		}
	}
	version, ok := facts[FactKubernetesVersion].(string)
	for _, image := range out {
		if !ok && strings.Contains(image, kubernetesVersion) {
			found.add(packageFile(p.Name), "images", image, "the site does not say which version of Kubernetes it has")
		}
	}
	return imagesWith(out, version)
}

// EveryImage are the images that the package has beside whatever other ones, and a Kubernetes of that version.
func (p *Package) EveryImage(kubernetes string) []string {
	out := slices.Clone(p.Images)
	for _, other := range sortedKeys(p.With) {
		out = append(out, p.With[other].Images...)
	}
	return imagesWith(out, kubernetes)
}

// imagesWith are images as package files name them, beside a Kubernetes of that version, such as v1.34.4.
func imagesWith(images []string, version string) []string {
	out := make([]string, len(images))
	for i, image := range images {
		out[i] = strings.ReplaceAll(image, kubernetesVersion, version)
	}
	return out
}

// Images are those of a package: what its file lists, and what its chart renders with its values, in the manifests that it
// keeps for an operator too. Operators start others by themselves, which only the file knows.
func Images(ctx context.Context, p Package, archive []byte, kubernetes string) ([]string, error) {
	objects, err := Render(ctx, p, archive, kubernetes)
	if err != nil {
		return nil, err
	}
	out := append(slices.Clone(p.Images), imagesOf(slices.Concat(objects, keptIn(objects)))...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// wholeNames are images by the names that a node pulls them by: busybox is docker.io/library/busybox:latest. What is no name
// stays as it is.
func wholeNames(images []string) []string {
	out := make([]string, len(images))
	for i, image := range images {
		out[i] = image
		if named, err := reference.ParseNormalizedNamed(image); err == nil {
			out[i] = reference.TagNameOnly(named).String()
		}
	}
	return out
}
