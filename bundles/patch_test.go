// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

const rendered = `apiVersion: apps/v1
kind: Deployment
metadata: {name: source-controller, namespace: x}
spec: {template: {spec: {containers: [{name: manager, image: a}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: helm-controller, namespace: x}
spec: {template: {spec: {containers: [{name: manager, image: b}]}}}
`

func TestPatchesChangeWhatAChartRenders(t *testing.T) {
	out, err := patcher{[]Patch{
		{Target: PatchTarget{Kind: "Deployment"}, Patch: "kind: Deployment\nmetadata: {name: any}\nspec: {template: {spec: {hostNetwork: true}}}"},
		{Target: PatchTarget{Kind: "Deployment", Name: "helm-.*"}, Patch: "- {op: add, path: /metadata/labels, value: {a: b}}"},
	}}.Run(bytes.NewBufferString(rendered))
	require.NoError(t, err)
	require.Equal(t, 2, bytes.Count(out.Bytes(), []byte("hostNetwork: true")))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("a: b")))
	require.Contains(t, out.String(), "image: a", "containers are kept")
}

func TestAPatchThatMatchesNothingIsAnError(t *testing.T) {
	for _, target := range []PatchTarget{{Kind: "DaemonSet"}, {Kind: "Deployment", Name: "controller"}} {
		_, err := patcher{[]Patch{{Target: target, Patch: "- {op: add, path: /metadata/labels, value: {}}"}}}.Run(bytes.NewBufferString(rendered))
		require.ErrorContains(t, err, "the chart renders no "+target.Kind)
	}
}

func TestFluxGetsThePatchesOfAPackage(t *testing.T) {
	plan := planOf(t, "z", pkg("z"), pkg("a", "patches: [{target: {kind: Deployment, name: x}, patch: 'a: 1'}]"))
	release, err := helmRelease(plan, plan.Packages[1])
	require.NoError(t, err)
	require.Len(t, release.Spec.PostRenderers, 1)
	patch := release.Spec.PostRenderers[0].Kustomize.Patches[0]
	require.Equal(t, "a: 1", patch.Patch)
	require.Equal(t, "Deployment", patch.Target.Kind)
	require.Equal(t, "x", patch.Target.Name)
}

func TestAReleaseWithOtherPatchesIsAnother(t *testing.T) {
	before, err := releaseDigest(nil, Package{})
	require.NoError(t, err)
	after, err := releaseDigest(nil, Package{Patches: []Patch{{Patch: "x"}}})
	require.NoError(t, err)
	require.NotEqual(t, before, after)
}
