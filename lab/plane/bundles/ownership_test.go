// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/bundles"
)

// owned is a bundle for an existing cluster. Its core brings a kind in the chart's own directory, and so does own-kind.
const owned = "owned"

const ownedSet = `
name: owned
title: Owned
platform: generic
core: [own-base]
layers:
  - name: all
    packages: [{name: own-base}, {name: own-guest}, {name: own-alone}, {name: own-kind}]
`

const (
	ownedNamespace = "cozy-owned"
	baseKind       = "bases.example.org"
	guestKind      = "guests.example.org"
)

// ownedShelf has a kind of the core in these versions.
func ownedShelf(versions ...string) (*shelf, error) {
	packages := fstest.MapFS{"sets/owned.yaml": {Data: []byte(ownedSet)}}
	for name, more := range map[string]string{
		"base":  "namespace: cozy-owned-base\nchart: {embedded: own-base}\nprovides: [{name: " + baseKind + ", from: chart}]\n",
		"guest": "namespace: cozy-owned\nchart: {embedded: own-guest}\n",
		"alone": "namespace: cozy-owned\nchart: {embedded: own-guest}\n",
		"kind":  "namespace: cozy-owned\nchart: {embedded: own-kind}\nprovides: [{name: " + guestKind + ", from: chart}]\n",
	} {
		packages["packages/own-"+name+".yaml"] = &fstest.MapFile{Data: []byte("name: own-" + name + "\ntitle: T\nhealth: {timeout: 1m}\n" + more)}
	}
	charts := fstest.MapFS{}
	for name, crd := range map[string]string{"own-base": ownedCRD("Base", "bases", versions...), "own-guest": "", "own-kind": ownedCRD("Guest", "guests", "v1")} {
		charts[name+"/Chart.yaml"] = &fstest.MapFile{Data: []byte("apiVersion: v2\nname: " + name + "\nversion: 0.1.0\n")}
		charts[name+"/values.yaml"] = &fstest.MapFile{Data: []byte("{}\n")}
		charts[name+"/templates/all.yaml"] = &fstest.MapFile{Data: []byte(
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {of: package}\n---\n" +
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-more'}\ndata: {of: package}\n")}
		if crd != "" {
			charts[name+"/crds/all.yaml"] = &fstest.MapFile{Data: []byte(crd)}
		}
	}
	return shelfWith(packages, charts)
}

// ownedCRD stores objects in the last version.
func ownedCRD(kind, plural string, versions ...string) string {
	out := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: " + plural + ".example.org}\n" +
		"spec:\n  group: example.org\n  names: {kind: " + kind + ", plural: " + plural + "}\n  scope: Namespaced\n  versions:\n"
	for i, version := range versions {
		out += fmt.Sprintf("  - {name: %s, served: true, storage: %t, schema: {openAPIV3Schema: {type: object}}}\n", version, i == len(versions)-1)
	}
	return out
}

// The parts build on each other and share one plane.
func TestWhatBelongsToOthersStaysTheirs(t *testing.T) {
	w := newWorld(t)
	w.stockOwned(t, "v1")
	ok := t.Run("the core upgrades the kinds of its charts", w.coreUpgradesKinds) &&
		t.Run("a kind of others is not replaced", w.kindsOfOthersStay) &&
		t.Run("an object of others is not taken over", w.objectsOfOthersStay) &&
		t.Run("an adopted package takes over", w.adoptedPackagesTakeOver) &&
		t.Run("a removal leaves what others took over", w.removalLeavesOthers)
	require.True(t, ok, "the parts after the failed one were not run")
}

func (w *world) stockOwned(t *testing.T, versions ...string) {
	t.Helper()
	var err error
	w.shelf, err = ownedShelf(versions...)
	require.NoError(t, err)
	w.served.Store(w.shelf)
}

func (w *world) coreUpgradesKinds(t *testing.T) {
	w.installCore(t, w.plan(t, owned, nil))
	require.Equal(t, "v1", w.versionOf(t, baseKind))
	w.quietly(t, func() { w.installCore(t, w.plan(t, owned, nil)) })
	w.stockOwned(t, "v1", "v2")
	w.installCore(t, w.plan(t, owned, nil))
	require.Equal(t, "v2", w.versionOf(t, baseKind))
}

func (w *world) kindsOfOthersStay(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{
			"name": guestKind, "annotations": map[string]any{"meta.helm.sh/release-name": "theirs", "meta.helm.sh/release-namespace": "them"},
		},
		"spec": map[string]any{
			"group": "example.org", "scope": "Namespaced", "names": map[string]any{"kind": "Guest", "plural": "guests"},
			"versions": []any{map[string]any{
				"name": "v9", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}},
			}},
		},
	}}
	_, err := w.dynamic.Resource(definitions()).Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	w.quietly(t, func() {
		err := w.flux(t).Install(t.Context(), w.plan(t, owned, nil), nil)
		occupied := &bundles.OccupiedError{}
		require.ErrorAs(t, err, &occupied)
		require.EqualError(t, err, "what belongs to others stands in the way: package own-kind: CustomResourceDefinition "+guestKind+
			" is there already, and belongs to Helm release them/theirs")
		require.Contains(t, occupied.Hint(), "disable: [own-kind]")
	})
	require.Equal(t, "v9", w.versionOf(t, guestKind))
	require.NoError(t, w.dynamic.Resource(definitions()).Delete(t.Context(), guestKind, metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err := w.dynamic.Resource(definitions()).Get(t.Context(), guestKind, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, patience, tick)
}

func (w *world) objectsOfOthersStay(t *testing.T) {
	_, err := w.kube.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ownedNamespace}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = w.kube.CoreV1().ConfigMaps(ownedNamespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "own-guest-more"}, Data: map[string]string{"of": "somebody else"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = w.flux(t).Install(ctx, w.plan(t, owned, nil), nil)
	unfinished := &bundles.UnfinishedError{}
	require.ErrorAs(t, err, &unfinished)
	require.NoError(t, unfinished.Cause, "it ends by itself")
	require.EqualError(t, err, "packages are not ready: own-guest is stalled (ConfigMap cozy-owned/own-guest-more is there already, and belongs to no Helm release)")
	require.Contains(t, unfinished.Hint(), "adopt: [own-guest]")
	require.Equal(t, "somebody else", w.configMap(t, ownedNamespace, "own-guest-more").Data["of"])
	w.staysReady(t, w.plan(t, owned, nil), "own-alone") // what nothing stands in the way of is installed
}

func (w *world) adoptedPackagesTakeOver(t *testing.T) {
	plan, err := w.shelf.resolve(t.Context(), owned, bundles.Choices{Adopt: []string{"own-guest"}})
	require.NoError(t, err)
	w.installRest(t, plan)
	taken := w.configMap(t, ownedNamespace, "own-guest-more")
	require.Equal(t, "package", taken.Data["of"])
	require.Equal(t, "own-guest", taken.Annotations["meta.helm.sh/release-name"])
	w.quietly(t, func() { w.installRest(t, plan) })
}

func (w *world) removalLeavesOthers(t *testing.T) {
	_, err := w.kube.CoreV1().ConfigMaps(ownedNamespace).Patch(t.Context(), "own-alone-more", types.MergePatchType,
		[]byte(`{"metadata": {"annotations": {"meta.helm.sh/release-name": "theirs", "meta.helm.sh/release-namespace": "them"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	plan, err := w.shelf.resolve(t.Context(), owned, bundles.Choices{Disable: []string{"own-alone"}})
	require.NoError(t, err)
	removal, _ := w.remove(t, plan, bundles.RemovalWish{Off: true})
	require.Equal(t, []string{"own-alone"}, leaving(removal))
	require.Equal(t, "package", w.configMap(t, ownedNamespace, "own-alone-more").Data["of"], "theirs by now")
	_, err = w.kube.CoreV1().ConfigMaps(ownedNamespace).Get(t.Context(), "own-alone", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	require.Empty(t, w.history(t, ownedNamespace, "own-alone"))
	require.Equal(t, bundles.StateAbsent, w.restStates(t, w.plan(t, owned, nil))["own-alone"])
}

// versionOf is the version in which objects of a kind are stored.
func (w *world) versionOf(t *testing.T, crd string) string {
	t.Helper()
	object, err := w.dynamic.Resource(definitions()).Get(t.Context(), crd, metav1.GetOptions{})
	require.NoError(t, err)
	definition := &apiextensions.CustomResourceDefinition{}
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, definition))
	for _, version := range definition.Spec.Versions {
		if version.Storage {
			return version.Name
		}
	}
	return ""
}

func definitions() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}
