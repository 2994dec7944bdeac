// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

// Image is a complete name of an image, as containerd understands it.
type Image struct {
	Host   string // of its registry, lower case, with a port where it has one: docker.io, registry.example.org:5000
	Path   string // of the repository in that registry: library/nginx
	Tag    string // empty if there is a digest and no tag
	Digest string // sha256:...; empty: whatever the tag points to
}

// ParseImage reads a name as people and charts write it. Short names are Docker Hub's, and without tag and digest the tag is
// latest:
//
//	nginx                              -> docker.io/library/nginx:latest
//	quay.io/cilium/cilium:v1@sha256:.. -> the same; what is pulled is the digest
func ParseImage(name string) (Image, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return Image{}, fmt.Errorf("image %q: %w", name, err)
	}

	image := Image{Host: strings.ToLower(reference.Domain(named)), Path: reference.Path(named)}
	if strings.HasPrefix(image.Host, "[") {
		return Image{}, fmt.Errorf("image %q: a registry with an IPv6 address for a name has no place in a repository's name", name)
	}

	if digested, ok := named.(reference.Digested); ok {
		image.Digest = digested.Digest().String()
		if digested.Digest().Algorithm() != "sha256" {
			return Image{}, fmt.Errorf("image %q: digest is %s, must be sha256", name, digested.Digest().Algorithm())
		}
	}

	if tagged, ok := named.(reference.Tagged); ok {
		image.Tag = tagged.Tag()
	} else if image.Digest == "" {
		image.Tag = "latest"
	}

	return image, nil
}

// Repository is where the bastion's registry has the image. The colon of a port, which no repository's name may contain,
// becomes an underscore, which no host's name contains:
//
//	docker.io/library/nginx             -> docker.io/library/nginx
//	registry.example.org:5000/team/tool -> registry.example.org_5000/team/tool
func (i Image) Repository() string { return HostFolder(i.Host) + "/" + i.Path }

// Reference is the tag or digest that a client asks for: the digest where there is one.
func (i Image) Reference() string {
	if i.Digest != "" {
		return i.Digest
	}

	return i.Tag
}

// String is the complete name.
func (i Image) String() string {
	name := i.Host + "/" + i.Path
	if i.Tag != "" {
		name += ":" + i.Tag
	}

	if i.Digest != "" {
		name += "@" + i.Digest
	}

	return name
}

// SplitRepository is the way back from a repository of the bastion's registry to the registry it stands for. It reports false
// for what is no image of another registry, such as a chart.
func SplitRepository(repository string) (host, path string, ok bool) {
	folder, path, found := strings.Cut(repository, "/")
	if !found || path == "" || !isHostFolder(folder) {
		return "", "", false
	}

	return strings.Replace(folder, "_", ":", 1), path, true
}

// HostFolder is the first part of the repositories that stand for a registry's: docker.io, registry.example.org_5000.
func HostFolder(host string) string { return strings.Replace(strings.ToLower(host), ":", "_", 1) }

// ChartRepository is where the bastion's registry has a chart. No registry is called so: a host's name has a dot, a port, or
// is localhost.
func ChartRepository(chart string) string { return chartFolder + "/" + chart }

const chartFolder = "charts"

// MirrorEndpoint is the URL that nodes are given as mirror of a registry, without its own path being appended
// ("overridePath" in Talos): http://192.168.1.10:5000/v2/docker.io. bastion is host:port.
func MirrorEndpoint(bastion, host string) string {
	return "http://" + bastion + "/v2/" + HostFolder(host)
}

// ChartSource is the OCI chart repository of the bastion's registry, which has no TLS, as bundles.Shelf.Redirect takes it.
func ChartSource(bastion string) string { return "oci+http://" + bastion + "/" + chartFolder }

func isHostFolder(folder string) bool {
	name, port, hasPort := strings.Cut(folder, "_")
	if hasPort {
		_, err := strconv.ParseUint(port, 10, 16)

		return err == nil && name != ""
	}

	return name == "localhost" || strings.Contains(name, ".")
}
