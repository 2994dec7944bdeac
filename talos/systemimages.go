// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"
	"slices"
	"strings"
)

// SystemImages are those that Talos itself runs: Kubernetes, etcd, CoreDNS and what holds pods. The versions of the last three
// are of the release of Talos; for one that is not known here the error is an *UnknownImagesError.
func SystemImages(talosVersion, kubernetesVersion string, proxy bool) ([]string, error) {
	out := []string{
		Kubelet.Image(kubernetesVersion), APIServer.Image(kubernetesVersion),
		ControllerManager.Image(kubernetesVersion), Scheduler.Image(kubernetesVersion),
	}
	if proxy {
		out = append(out, Proxy.Image(kubernetesVersion))
	}

	repositories := systemRepositories(talosVersion)

	known, ok := versionsOf(talosVersion)
	if !ok {
		return out, &UnknownImagesError{Version: talosVersion, Repositories: repositories}
	}

	return append(out, repositories[0]+":"+known.etcd, repositories[1]+":"+known.dns, repositories[2]+":"+known.pause), nil
}

// UnknownImagesError says that the versions of etcd, CoreDNS and the pause image of a release of Talos are not known.
type UnknownImagesError struct {
	Version string
	// Repositories are those of the images.
	Repositories []string
}

// Without is the error for those repositories that none of the images is of; nil: there is none.
func (e *UnknownImagesError) Without(images []string) error {
	left := &UnknownImagesError{Version: e.Version}
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
	return fmt.Sprintf("the versions of %s that Talos %s runs are not known to this program", strings.Join(e.Repositories, ", "), e.Version)
}

// Hint says what to give.
func (e *UnknownImagesError) Hint() string {
	flags := make([]string, len(e.Repositories))
	for i, repository := range e.Repositories {
		flags[i] = "--image " + repository + ":VERSION"
	}

	return "give bundle save " + strings.Join(flags, " ") + "; talosctl " + e.Version + " lists the versions: talosctl image default"
}
