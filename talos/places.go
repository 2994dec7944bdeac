// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/types/cri"
	"github.com/siderolabs/talos/pkg/machinery/config/types/meta"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// ImageRepositories are those of the images that nodes of a version of Talos run by themselves: Kubernetes, etcd and what
// belongs to them. An empty version stands for all there are. The installer's image is Cluster.InstallImage.
func ImageRepositories(talosVersion string) []string {
	return append([]string{
		constants.KubeletImage, constants.KubernetesAPIServerImage, constants.KubernetesControllerManagerImage,
		constants.KubernetesSchedulerImage, constants.KubeProxyImage,
	}, systemRepositories(talosVersion)...)
}

// endpoint is a URL that is asked for a registry's images. isWhole: nothing is added to its path.
type endpoint struct {
	url     *url.URL
	isWhole bool
}

// endpointsOf lists what is asked for the images of a host that has a place, first to last.
func (r Registries) endpointsOf(host string) ([]endpoint, error) {
	place, err := url.Parse(r.Places[host])
	if err != nil {
		return nil, fmt.Errorf("place of registry %s: %w", host, err)
	}

	endpoints := []endpoint{{place, true}}
	if r.OnlyPlaces {
		return endpoints, nil
	}

	for _, mirror := range r.Mirrors[host] {
		parsed, err := url.Parse(mirror)
		if err != nil {
			return nil, fmt.Errorf("mirror of registry %s: %w", host, err)
		}

		endpoints = append(endpoints, endpoint{parsed, false})
	}

	return endpoints, nil
}

// placeDocuments say where the images of registries with a place are. They were a part of the main document until 1.12.
func placeDocuments(c Cluster, version contract, main *v1alpha1.Config) ([]configtypes.Document, error) {
	var documents []configtypes.Document

	for _, host := range slices.Sorted(maps.Keys(c.Registries.Places)) {
		endpoints, err := c.Registries.endpointsOf(host)
		if err != nil {
			return nil, err
		}

		if version.networkDocuments() {
			documents = append(documents, placeDocument(host, endpoints, c.Registries.OnlyPlaces))

			continue
		}

		registries := &main.MachineConfig.MachineRegistries //nolint:staticcheck // the form 1.11 reads
		put(&registries.RegistryMirrors, host, legacyPlace(endpoints, c.Registries.OnlyPlaces))
	}

	return documents, nil
}

func placeDocument(host string, endpoints []endpoint, only bool) configtypes.Document {
	document := cri.NewRegistryMirrorConfigV1Alpha1(host)

	for _, one := range endpoints {
		described := cri.RegistryEndpoint{EndpointURL: meta.URL{URL: one.url}}
		if one.isWhole {
			described.EndpointOverridePath = new(true)
		}

		document.RegistryEndpoints = append(document.RegistryEndpoints, described)
	}

	if only {
		document.RegistrySkipFallback = new(true)
	}

	return document
}

// legacyPlace has one word on the paths of all endpoints, so that mirrors get what Talos would add to theirs.
func legacyPlace(endpoints []endpoint, only bool) *v1alpha1.RegistryMirrorConfig {
	mirror := &v1alpha1.RegistryMirrorConfig{MirrorOverridePath: new(true)}

	for _, one := range endpoints {
		if !one.isWhole && !strings.HasPrefix(one.url.Path, "/v2") {
			one.url.Path = strings.TrimSuffix(one.url.Path, "/") + "/v2"
		}

		mirror.MirrorEndpoints = append(mirror.MirrorEndpoints, one.url.String())
	}

	if only {
		mirror.MirrorSkipFallback = new(true)
	}

	return mirror
}
