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

// registries say where nodes get images: from the bastion's registry first, if the site has one.
func registries(s *site.Site, plan *bundles.Plan, installer string) (talos.Registries, error) {
	out := talos.Registries{Mirrors: mirrors(s)}
	bastion := s.Registries.Bastion
	if bastion == nil {
		return out, nil
	}
	hosts, err := imageHosts(plan, installer)
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

// imageHosts are the registries of every image that a cluster with this plan runs, ordered. An empty installer is none.
func imageHosts(plan *bundles.Plan, installer string) ([]string, error) {
	var hosts []string
	var wrong error
	for _, name := range imagesOf(plan, installer) {
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

// imagesOf are the images themselves, of whatever tags.
func imagesOf(plan *bundles.Plan, installer string) []string {
	images := slices.Clone(talos.ImageRepositories())
	if installer != "" {
		images = append(images, installer)
	}
	for _, p := range plan.Packages {
		images = append(images, p.Images...)
	}
	return images
}
