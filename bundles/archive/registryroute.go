// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"regexp"
	"strings"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// route is what a request for a manifest or a blob asks for.
type route struct {
	repository string
	reference  string  // a manifest's tag or digest
	blob       v1.Hash // the zero value: a manifest is asked for
}

// parseRoute reads the path of a request, as the OCI distribution specification has them. It reports false for other paths,
// and for names that nothing can have.
func parseRoute(path string) (route, bool) {
	rest, isAPI := strings.CutPrefix(path, "/v2/")
	if !isAPI {
		return route{}, false
	}

	for _, kind := range []string{"/manifests/", "/blobs/"} {
		at := strings.LastIndex(rest, kind)
		if at < 0 {
			continue
		}

		asked := route{repository: rest[:at], reference: rest[at+len(kind):]}
		if _, err := reference.WithName(asked.repository); err != nil {
			return route{}, false
		}

		sum, err := v1.NewHash(asked.reference)
		isSum := err == nil && checkHash(sum) == nil

		switch {
		case kind == "/blobs/" && isSum:
			asked.blob = sum

			return asked, true
		case kind == "/manifests/":
			return asked, isSum || anchoredTag().MatchString(asked.reference)
		}
	}

	return route{}, false
}

func anchoredTag() *regexp.Regexp {
	return regexp.MustCompile(`^` + reference.TagRegexp.String() + `$`)
}

// image is the image of another registry that is asked for; it reports false for a chart.
func (r route) image() (Image, bool) {
	host, path, ok := SplitRepository(r.repository)
	image := Image{Host: host, Path: path}

	switch {
	case r.blob != v1.Hash{}:
		image.Digest = r.blob.String()
	case strings.Contains(r.reference, ":"):
		image.Digest = r.reference
	default:
		image.Tag = r.reference
	}

	return image, ok
}

// String names what is asked for in the words of whoever wrote the image's name.
func (r route) String() string {
	if image, ok := r.image(); ok {
		return image.String()
	}

	if strings.Contains(r.reference, ":") {
		return r.repository + "@" + r.reference
	}

	return r.repository + ":" + r.reference
}
