// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"strings"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/gendata"
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

	images, err = talos.SystemImages("v1.11.6", "v1.34.4", false)
	require.NoError(t, err)
	require.Equal(t, []string{"gcr.io/etcd-development/etcd:v3.6.5", "registry.k8s.io/coredns/coredns:v1.12.4", "registry.k8s.io/pause:3.10"},
		images[4:], "of another registry")
	require.Contains(t, talos.ImageRepositories("v1.11.6"), "gcr.io/etcd-development/etcd")
	require.NotContains(t, talos.ImageRepositories("v1.13.9"), "gcr.io/etcd-development/etcd")
}

// Talos's library knows its own release.
func TestTheLibrarysReleaseIsKnownAsItKnowsItself(t *testing.T) {
	images, err := talos.SystemImages(strings.TrimSpace(gendata.VersionTag), "v1.34.4", false)
	require.NoError(t, err, "add the release to knownVersions when the library is upgraded")
	require.Equal(t, constants.EtcdImage+":"+constants.DefaultEtcdVersion, images[4])
	require.Equal(t, constants.CoreDNSImage+":"+constants.DefaultCoreDNSVersion, images[5])
}

func TestAnUnknownReleaseIsRefusedWithTheImagesToName(t *testing.T) {
	images, err := talos.SystemImages("v1.13.99", "v1.34.4", false)
	require.Len(t, images, 4, "those of Kubernetes are known")
	var unknown *talos.UnknownImagesError
	require.ErrorAs(t, err, &unknown)
	left := unknown.Without([]string{"registry.k8s.io/etcd:v9"})
	require.ErrorAs(t, left, &unknown)
	require.Contains(t, unknown.Hint(), "--image registry.k8s.io/coredns/coredns:VERSION --image registry.k8s.io/pause:VERSION")
	require.NotContains(t, unknown.Hint(), "registry.k8s.io/etcd")
	require.NoError(t, unknown.Without([]string{"registry.k8s.io/coredns/coredns:v1", "registry.k8s.io/pause@sha256:0"}))
}
