// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/talos"
)

// registries say where nodes get images: from the bastion's registry first, if the site has one. More are images beside those of
// the plan, of Kubernetes and of Talos.
func registries(s *site.Site, plan *bundles.Plan, installer string, more ...string) (talos.Registries, error) {
	out := talos.Registries{Mirrors: mirrors(s)}
	bastion := s.Registries.Bastion
	if bastion == nil {
		return out, nil
	}
	hosts, err := imageHosts(plan, s.Talos.Version, append(imagesOfValues(s, plan), append(more, installer)...))
	if err != nil {
		return out, err
	}
	// By its own name too: nodes take a registry for one with TLS unless they are told otherwise.
	out.Places = map[string]string{bastion.Address: "http://" + bastion.Address + "/v2"}
	for _, host := range hosts {
		if host != bastion.Address {
			out.Places[host] = archive.MirrorEndpoint(bastion.Address, host)
		}
	}
	out.OnlyPlaces = bastion.Only
	return out, nil
}

// imageHosts are the registries of every image that a cluster with this plan runs, and of more, ordered. An empty version of
// Talos stands for all there are.
func imageHosts(plan *bundles.Plan, talosVersion string, more []string) ([]string, error) {
	var hosts []string
	var wrong error
	for _, name := range imagesOf(plan, talosVersion, more) {
		image, err := archive.ParseImage(name)
		if err != nil {
			wrong = errors.Join(wrong, err)
			continue
		}
		hosts = append(hosts, image.Host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), wrong
}

// imagesOf are the images themselves, of whatever tags. Empty names are none.
func imagesOf(plan *bundles.Plan, talosVersion string, more []string) []string {
	images := slices.Concat(talos.ImageRepositories(talosVersion), more)
	for _, p := range plan.Packages {
		images = append(images, p.Images...)
	}
	return slices.DeleteFunc(images, func(name string) bool { return name == "" })
}
