// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cozystack/cozy-install/bundles/archive"
)

// ImageRegistry is a registry that can be read only and has an image for every tag: it is made up when somebody asks, always
// the same for a name, for linux/amd64, with nothing sensible in it. The registry that an image is named after is the first
// part of its repository, as on a bastion.
type ImageRegistry struct {
	lock    sync.Mutex
	content map[string]content // by digest
}

type content struct {
	kind string
	data []byte
}

// NewImageRegistry makes one that can be asked for these images by digest at once: for all others, after their tag.
func NewImageRegistry(known ...string) (*ImageRegistry, error) {
	r := &ImageRegistry{content: map[string]content{}}
	for _, name := range known {
		image, err := archive.ParseImage(name)
		if err != nil {
			return nil, err
		}
		if _, err := r.add(image.Repository(), image.Tag); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// MadeUpDigest is the digest of the image that is made up for a name with a tag.
func MadeUpDigest(name string) (string, error) {
	image, err := archive.ParseImage(name)
	if err != nil {
		return "", err
	}
	made, err := makeUp(image.Repository(), image.Tag)
	if err != nil {
		return "", err
	}
	sum, err := made.Digest()
	return sum.String(), err
}

func makeUp(repository, tag string) (v1.Image, error) {
	image, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte(layerOf(repository, tag)), types.OCIUncompressedLayer))
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	return mutate.ConfigFile(image, config)
}

func layerOf(repository, tag string) string {
	return fmt.Sprintf("made up by the lab for %s:%s\n", repository, tag)
}

// add makes an image up and keeps the three parts that it is made of.
func (r *ImageRegistry) add(repository, tag string) (digest string, err error) {
	image, err := makeUp(repository, tag)
	if err != nil {
		return "", err
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return "", err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return "", err
	}
	kind, err := image.MediaType()
	if err != nil {
		return "", err
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	r.keep(octets, []byte(layerOf(repository, tag)))
	r.keep(octets, config)
	return r.keep(string(kind), manifest), nil
}

// keep is called with the lock.
func (r *ImageRegistry) keep(kind string, data []byte) (digest string) {
	digest = fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	r.content[digest] = content{kind, data}
	return digest
}

const octets = "application/octet-stream"

// ServeHTTP answers /v2/, /v2/<name>/manifests/<tag or digest> and /v2/<name>/blobs/<digest>.
func (r *ImageRegistry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	path, isAPI := strings.CutPrefix(request.URL.Path, "/v2/")
	if !isAPI || path == "" {
		return
	}
	repository, digest, isManifest := strings.Cut(path, "/manifests/")
	if !isManifest {
		_, digest, _ = strings.Cut(path, "/blobs/")
	} else if !strings.Contains(digest, ":") {
		var err error
		if digest, err = r.add(repository, digest); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	r.lock.Lock()
	found, ok := r.content[digest]
	r.lock.Unlock()
	if !ok {
		http.NotFound(w, request)
		return
	}
	w.Header().Set("Content-Type", found.kind)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Length", strconv.Itoa(len(found.data)))
	if request.Method != http.MethodHead {
		_, _ = w.Write(found.data) // whoever asked is gone
	}
}
