// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

// What `talosctl image default` of v1.13.9 lists (pkg/images, list.go), without flannel and its policies.
func TestSystemImagesAreThoseOfTheRelease(t *testing.T) {
	images, err := talos.SystemImages("v1.13.9", "v1.34.4", true)
	require.NoError(t, err)
	require.Equal(t, []string{
		"ghcr.io/siderolabs/kubelet:v1.34.4", "registry.k8s.io/kube-apiserver:v1.34.4",
		"registry.k8s.io/kube-controller-manager:v1.34.4", "registry.k8s.io/kube-scheduler:v1.34.4",
		"registry.k8s.io/kube-proxy:v1.34.4", "registry.k8s.io/etcd:v3.6.12", "registry.k8s.io/coredns/coredns:v1.14.6",
		"registry.k8s.io/pause:3.10.1",
	}, images)

	images, err = talos.SystemImages("v1.12.4", "v1.34.4", false)
	require.ErrorAs(t, err, new(*talos.UnknownImagesError))
	require.Len(t, images, 4, "those of Kubernetes are known")
}
