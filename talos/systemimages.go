// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/gendata"
)

// sandboxImage is what every pod's network namespace is held by. It is in Talos's own module, not in its library
// (pkg/images, list.go, v1.13.9).
const sandboxImage = "registry.k8s.io/pause:3.10.1"

// SystemImages are those that Talos itself runs: Kubernetes, etcd, CoreDNS and what holds pods. The versions of the last three
// are of the release of Talos, and only those of one are known here; for another the error is an *UnknownImagesError.
func SystemImages(talosVersion, kubernetesVersion string, proxy bool) ([]string, error) {
	out := []string{
		Kubelet.Image(kubernetesVersion), APIServer.Image(kubernetesVersion),
		ControllerManager.Image(kubernetesVersion), Scheduler.Image(kubernetesVersion),
	}
	if proxy {
		out = append(out, Proxy.Image(kubernetesVersion))
	}

	if known := strings.TrimSpace(gendata.VersionTag); !SameVersion(talosVersion, known) {
		return out, &UnknownImagesError{Version: talosVersion, Known: known, Repositories: []string{
			constants.EtcdImage, constants.CoreDNSImage, strings.SplitN(sandboxImage, ":", 2)[0],
		}}
	}

	return append(out, constants.EtcdImage+":"+constants.DefaultEtcdVersion,
		constants.CoreDNSImage+":"+constants.DefaultCoreDNSVersion, sandboxImage), nil
}

// UnknownImagesError says that the versions of etcd, CoreDNS and the pause image of a release of Talos are not known.
type UnknownImagesError struct {
	Version, Known string
	// Repositories are those of the images.
	Repositories []string
}

// Without is the error for those repositories that none of the images is of; nil: there is none.
func (e *UnknownImagesError) Without(images []string) error {
	left := &UnknownImagesError{Version: e.Version, Known: e.Known}
	for _, repository := range e.Repositories {
		named := slices.ContainsFunc(images, func(image string) bool {
			return strings.HasPrefix(image, repository+":") || strings.HasPrefix(image, repository+"@")
		})
		if !named {
			left.Repositories = append(left.Repositories, repository)
		}
	}
	if len(left.Repositories) == 0 {
		return nil
	}
	return left
}

// Error implements error.
func (e *UnknownImagesError) Error() string {
	return fmt.Sprintf("the versions of %s that Talos %s runs are not known: this program knows those of %s",
		strings.Join(e.Repositories, ", "), e.Version, e.Known)
}

// Hint says where they are listed.
func (e *UnknownImagesError) Hint() string {
	return "name them with --image, once for each; talosctl " + e.Version + " lists them: talosctl image default"
}
