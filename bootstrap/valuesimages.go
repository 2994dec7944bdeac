// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
)

// imagesOfValues are the images, or their repositories, that the site file's values give to packages of the plan. Charts have no
// rule for it; these are the ways in which they are written:
//
//	image: quay.io/a/b:v1                       also proxyImage, and any text that is a name with a registry and a digest or tag
//	image: {repository: quay.io/a/b, tag: v1}     without a registry only beside a tag or digest
//	image: {registry: quay.io, repository: a/b}
//	global: {imageRegistry: quay.io}
//
// A text that was no image costs one mirror more.
func imagesOfValues(s *site.Site, plan *bundles.Plan) []string {
	var out []string
	for _, p := range plan.Packages {
		out = append(out, imagesIn(s.Packages.Values[p.Name])...)
	}
	return out
}

func imagesIn(value any) []string {
	var out []string
	switch value := value.(type) {
	case map[string]any:
		registry, _ := value["registry"].(string)
		for key, one := range value {
			text, isText := one.(string)
			switch {
			case !isText:
				out = append(out, imagesIn(one)...)
			case key == "repository" && registry != "": // the registry's
			case key == "repository" && !isImage(value, text): // of backups, for one
			default:
				out = append(out, imageUnder(key, text)...)
			}
		}
	case []any:
		for _, one := range value {
			out = append(out, imagesIn(one)...)
		}
	case string:
		out = append(out, imageUnder("", value)...)
	}
	return out
}

// isImage reports whether a repository among other values is an image's: it names its registry, or has a tag or digest beside it.
func isImage(beside map[string]any, repository string) bool {
	_, hasTag := beside["tag"]
	_, hasDigest := beside["digest"]
	host, _, hasHost := strings.Cut(repository, "/")
	return hasTag || hasDigest || hasHost && (host == "localhost" || strings.ContainsAny(host, ".:"))
}

// imageUnder is the image that a text under a key is; none if it is not one.
func imageUnder(key, text string) []string {
	key = strings.ToLower(key)
	if strings.HasSuffix(key, "registry") {
		text = strings.TrimSuffix(text, "/") + "/any" // a registry, perhaps with a path
	}
	image, err := archive.ParseImage(text)
	if err != nil {
		return nil
	}
	isNamed := key == "repository" || strings.HasSuffix(key, "image") || strings.HasSuffix(key, "registry")
	host, rest, hasHost := strings.Cut(text, "/")
	isComplete := hasHost && strings.Contains(host, ".") && strings.Contains(rest, ":") // so has a digest
	if isNamed || isComplete {
		return []string{image.String()}
	}
	return nil
}
