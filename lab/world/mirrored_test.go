// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bundles/archive"
)

// configsLeadToTheBastion follows the mirrors of each node's machine config for every image that the config names and for every
// image of the archive, as containerd does: at the mirror, from the nodes' network.
func (s *stage) configsLeadToTheBastion(saved savedArchive) {
	s.t.Helper()
	digests := map[string]string{}
	for _, image := range saved.Contents.Images {
		digests[image.Name] = image.Digest
	}
	for _, node := range s.site.Nodes {
		config, err := configloader.NewFromBytes(s.Fleet.InstalledConfig(node.Name))
		require.NoError(s.t, err)
		mirrors := config.RegistryMirrorConfigs()
		names := []string{
			config.Machine().Install().Image(), config.Machine().Kubelet().Image(), config.Cluster().Etcd().Image(),
			config.Cluster().APIServer().Image(), config.Cluster().ControllerManager().Image(), config.Cluster().Scheduler().Image(),
		}
		for _, name := range names {
			require.Contains(s.t, digests, name, "%s runs it", node.Name)
		}
		for name, digest := range digests {
			image, err := archive.ParseImage(name)
			require.NoError(s.t, err)
			if strings.HasSuffix(image.Host, standInHost) { // no package file lists it
				continue
			}
			mirror, found := mirrors[image.Host]
			require.True(s.t, found, "%s: no mirror for %s", node.Name, name)
			require.True(s.t, mirror.SkipFallback(), image.Host)
			endpoints := mirror.Endpoints()
			require.Len(s.t, endpoints, 1, image.Host)
			require.True(s.t, endpoints[0].OverridePath(), image.Host)
			for _, reference := range slices.Compact([]string{image.Reference(), digest}) {
				got, err := s.head(endpoints[0].Endpoint() + "/" + image.Path + "/manifests/" + reference)
				require.NoError(s.t, err)
				require.Equal(s.t, digest, got, name)
			}
		}
	}
}

// standInHost is the registry that the images of stand-in charts are named after.
const standInHost = "lab.invalid"

// head asks a server on the nodes' network, from there, and returns the digest that it tells.
func (s *stage) head(url string) (digest string, err error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, at string) (net.Conn, error) {
			return s.network.Site.Dial(ctx, netip.Addr{}, at)
		},
	}}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodHead, url, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "*/*")
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	if err := answer.Body.Close(); err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, answer.Status)
	}
	return answer.Header.Get("Docker-Content-Digest"), nil
}
