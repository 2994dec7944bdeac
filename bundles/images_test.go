// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImagesAreThoseOfTheSiteAndOfWhatIsBeside(t *testing.T) {
	p := &Package{
		Name: "p", Images: []string{"a:${kubernetesVersion}", "b"},
		With: map[string]Addition{"other": {Images: []string{"c"}}, "absent": {Images: []string{"d"}}},
	}
	found := &Problems{}
	images := imagesIn(p, map[string]bool{"other": true}, Facts{FactKubernetesVersion: "v1.34.4"}, found)
	require.Equal(t, []string{"a:v1.34.4", "b", "c"}, images)
	require.NoError(t, found.err())
	require.Equal(t, "a:${kubernetesVersion}", p.Images[0], "the catalog stays as it is")

	imagesIn(p, nil, nil, found)
	require.ErrorContains(t, found.err(), `packages/p.yaml: images: "a:${kubernetesVersion}": the site does not say which version of Kubernetes it has`)
}

func TestEveryImageIsWhatAPackageHasBesideAnyOther(t *testing.T) {
	p := &Package{
		Images: []string{"a:${kubernetesVersion}", "b"},
		With:   map[string]Addition{"y": {Images: []string{"d:${kubernetesVersion}"}}, "x": {Images: []string{"c"}}, "z": {}},
	}
	require.Equal(t, []string{"a:v1.34.4", "b", "c", "d:v1.34.4"}, p.EveryImage("v1.34.4"))
	require.Equal(t, []string{"a:${kubernetesVersion}", "b"}, p.Images, "the catalog stays as it is")
}

// Nodes pull by whole names, and charts write short ones.
func TestShortNamesOfImagesAreDockerHubs(t *testing.T) {
	require.Equal(t, []string{"docker.io/library/busybox:latest", "docker.io/altinity/x:1", "quay.io/a/b:2@sha256:" + thirtyTwoBytes, "NOT A NAME"},
		wholeNames([]string{"busybox", "altinity/x:1", "quay.io/a/b:2@sha256:" + thirtyTwoBytes, "NOT A NAME"}))
}

const thirtyTwoBytes = "56b60445a2c650b387ce2edb13cfd8d83219a9da693b0523915dba8be451a29e"
