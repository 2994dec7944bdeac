// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// As Helm 3.19 and 3.22 say it.
const (
	otherRelease = `Unable to continue with install: ClusterRole "system:metrics-server" in namespace "" exists and cannot be imported into the ` +
		`current release: invalid ownership metadata; annotation validation error: key "meta.helm.sh/release-name" must equal "metrics-server": ` +
		`current value is "ms"; annotation validation error: key "meta.helm.sh/release-namespace" must equal "cozy-monitoring": current value is "kube-system"`
	noRelease = `Unable to continue with update: Deployment "web" in namespace "cozy-web" exists and cannot be imported into the current release: ` +
		`invalid ownership metadata; label validation error: missing key "app.kubernetes.io/managed-by": must be set to "Helm"; annotation validation ` +
		`error: missing key "meta.helm.sh/release-name": must be set to "web"`
)

func TestWhatStandsInTheWayIsReadOutOfHelmsError(t *testing.T) {
	for message, want := range map[string][]string{
		otherRelease:        {"ClusterRole system:metrics-server", "Helm release kube-system/ms"},
		noRelease:           {"Deployment cozy-web/web", nobodyKnown},
		"no such namespace": {"", ""},
	} {
		object, owner, ok := refusedObject(message, "metrics-server", "cozy-monitoring")
		require.Equal(t, want, []string{object, owner})
		require.Equal(t, object != "", ok)
	}
}

func TestAReleaseThatOthersStandInTheWayOfEndsTheRunWithAdvice(t *testing.T) {
	cluster := newFakeCluster(t, func(r *helmv2.HelmRelease, n int) {
		if r.Name != "b" {
			ready(r, n)
			return
		}
		condition(r, helmv2.ReleasedCondition, metav1.ConditionFalse, helmv2.InstallFailedReason, otherRelease)
		condition(r, meta.ReadyCondition, metav1.ConditionFalse, "RetryAfterInterval", "Will retry after 15s")
	})
	err := cluster.flux().Install(t.Context(), diamond(t), nil)
	unfinished := &UnfinishedError{}
	require.ErrorAs(t, err, &unfinished)
	require.EqualError(t, err, "packages are not ready: b is stalled (ClusterRole system:metrics-server is there already, and belongs to "+
		"Helm release kube-system/ms); waiting for them: c")
	require.Contains(t, unfinished.Hint(), "packages: {disable: [b]}")
	require.Contains(t, unfinished.Hint(), "packages: {adopt: [b]}")
}

func TestOnlyOnAnExistingClusterIsNothingTakenOver(t *testing.T) {
	for platform, test := range map[string]struct{ disabled, ofAdopting bool }{Talos: {}, Generic: {disabled: true}} {
		plan := planOf(t, "z", pkg("z"), pkg("a"), pkg("b", "adopts: true"))
		plan.Platform = platform
		for i, want := range []bool{test.disabled, test.ofAdopting} {
			release, err := helmRelease(plan, plan.Packages[1+i])
			require.NoError(t, err)
			require.Equal(t, want, release.Spec.Install.DisableTakeOwnership, "%s of %s", platform, plan.Packages[1+i].Name)
			require.Equal(t, want, release.Spec.Upgrade.DisableTakeOwnership, "%s of %s", platform, plan.Packages[1+i].Name)
		}
	}
}

func TestWhoOwnsAnObject(t *testing.T) {
	p := Package{Name: "a", Release: "rel", Namespace: "cozy-a"}
	helm := func(namespace, name string) map[string]string {
		return map[string]string{helmName: name, helmNamespace: namespace}
	}
	flux := func(of, namespace, name string) map[string]string {
		return map[string]string{of + "name": name, of + "namespace": namespace}
	}
	for want, object := range map[string]metav1.ObjectMeta{
		"Helm release x/y":             {Annotations: helm("x", "y"), Labels: flux(fluxHelm, "cozy-a", "a")},
		"HelmRelease x/a":              {Labels: flux(fluxHelm, "x", "a")},
		"Kustomization flux-system/it": {Labels: flux(fluxKustomize, "flux-system", "it")},
		"Argo CD application it":       {Labels: map[string]string{argoInstance: "it"}},
		"Operator it":                  {OwnerReferences: []metav1.OwnerReference{{Kind: "Operator", Name: "it"}}},
		nobodyKnown + "; kubectl made it": {ManagedFields: []metav1.ManagedFieldsEntry{
			{Manager: "kube-apiserver"}, {Manager: "kubectl"},
		}},
		nobodyKnown: {},
	} {
		require.Equal(t, want, otherOwner(object, p))
	}
	require.Empty(t, otherOwner(metav1.ObjectMeta{Annotations: helm("cozy-a", "rel")}, p), "ours by Helm's mark")
	require.Empty(t, otherOwner(metav1.ObjectMeta{Labels: flux(fluxHelm, "cozy-a", "a")}, p), "ours by Flux's, as CRDs of a chart's own directory are")
}

func TestAManifestForgetsObjects(t *testing.T) {
	const manifest = "---\n# Source: x\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n" +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: other}\n"
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "namespace": "mine"},
	}}
	got, err := withoutObjects(manifest, "mine", []*unstructured.Unstructured{object})
	require.NoError(t, err)
	left, err := objectsOf(got)
	require.NoError(t, err)
	names := make([]string, len(left))
	for i, one := range left {
		names[i] = inNamespace(one, "mine") + "/" + one.GetName()
	}
	require.Equal(t, []string{"mine/b", "other/a"}, names)
}

func TestOperatorsAdoptOnlyWhatIsInstalled(t *testing.T) {
	catalog := load(t, tree(set("a", "a", "b?"), pkg("a"), pkg("b")))
	_, err := Resolve(catalog, "b", Choices{Adopt: []string{"a", "b", "c"}})
	require.ErrorContains(t, err, `packages.adopt[1]: "b": the package is not installed`)
	require.ErrorContains(t, err, `packages.adopt[2]: "c": not a package of bundle b`)
	plan, err := Resolve(catalog, "b", Choices{Adopt: []string{"a"}})
	require.NoError(t, err)
	require.True(t, plan.Packages[0].Adopts)
}
