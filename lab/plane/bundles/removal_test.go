// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/bundles"
)

// TestRemoval takes one bundle apart. The parts build on each other and share one plane.
func TestRemoval(t *testing.T) {
	w := newWorld(t)
	w.hasANetwork(t)
	fadeShelf, err := fadeShelf()
	require.NoError(t, err)
	w.shelf = fadeShelf
	w.served.Store(fadeShelf)

	ok := t.Run("everything is installed", w.fadeInstalled) &&
		t.Run("what the plan has is not removed", w.enabledStays) &&
		t.Run("what differs is shown", w.differencesAreShown) &&
		t.Run("what holds data stays, and what that needs", w.dataStays) &&
		t.Run("objects of its kinds keep a package", w.kindsStay) &&
		t.Run("dependents go first", w.dependentsGoFirst) &&
		t.Run("a removal that was killed goes on", w.killedRemovalGoesOn) &&
		t.Run("a package that is enabled again waits for its removal", w.enabledAgain) &&
		t.Run("a suspended release is uninstalled", w.suspendedIsUninstalled) &&
		t.Run("a namespace with something in it stays", w.namespaceStays) &&
		t.Run("accepted data goes, and the core of before", w.acceptedGoes)
	require.True(t, ok, "the parts after the failed one were not run")
}

func (w *world) fadeInstalled(t *testing.T) {
	plan := w.with(t, fade, fadeOptional()...)
	w.installCore(t, plan)
	w.installRest(t, plan)
	w.staysReady(t, plan)
	installed, err := w.cluster(t).Installed(t.Context())
	require.NoError(t, err)
	var names []string
	for _, one := range installed {
		require.Equal(t, bundles.StateReady, one.State, "%s: %s", one.Name, one.Message)
		require.Equal(t, one.Name, one.Release)
		require.True(t, strings.HasPrefix(one.Chart, "0.1.0"), one.Chart)
		require.False(t, one.Since.IsZero(), one.Name)
		names = append(names, one.Name)
	}
	require.Equal(t, slices.Sorted(slices.Values(append(fadeOptional(), "fade-base", "fade-relic"))), names)
	removal, _ := w.remove(t, plan, bundles.RemovalWish{})
	require.Empty(t, removal.Packages)
}

func fadeOptional() []string {
	return []string{"fade-one", "fade-two", "fade-three", "fade-store", "fade-kind", "fade-lone"}
}

func (w *world) enabledStays(t *testing.T) {
	plan := w.with(t, fade, fadeOptional()...)
	var enabled *bundles.EnabledError
	_, err := w.cluster(t).PlanRemoval(t.Context(), plan, bundles.RemovalWish{Names: []string{"fade-three"}})
	require.ErrorAs(t, err, &enabled)
	var unknown *bundles.UnknownPackagesError
	_, err = w.cluster(t).PlanRemoval(t.Context(), plan, bundles.RemovalWish{Names: []string{"fade-thre"}})
	require.ErrorAs(t, err, &unknown)
}

func (w *world) dataStays(t *testing.T) {
	plan := w.with(t, fade, "fade-two", "fade-one", "fade-kind", "fade-lone")
	removal, err := w.cluster(t).PlanRemoval(t.Context(), plan, bundles.RemovalWish{Off: true})
	require.NoError(t, err)
	require.Equal(t, []string{"fade-three"}, leaving(removal))
	require.Equal(t, []bundles.Kept{{Name: "fade-store", Loses: []string{"it holds data: t"}}}, removal.Kept)

	removal, err = w.cluster(t).PlanRemoval(t.Context(), w.with(t, fade), bundles.RemovalWish{Off: true})
	require.NoError(t, err)
	require.Equal(t, []string{"fade-three", "fade-two", "fade-lone", "fade-kind"}, leaving(removal))
	require.Equal(t, []bundles.Kept{
		{Name: "fade-store", Loses: []string{"it holds data: t"}}, {Name: "fade-one", NeededBy: []string{"fade-store"}},
	}, removal.Kept)
	require.Equal(t, []string{"fading-lone"}, removal.Namespaces)

	removal, err = w.cluster(t).PlanRemoval(t.Context(), w.with(t, fade), bundles.RemovalWish{Names: []string{"fade-two"}})
	require.NoError(t, err)
	require.Empty(t, removal.Packages)
	require.Equal(t, []bundles.Kept{{Name: "fade-two", NeededBy: []string{"fade-three"}}}, removal.Kept)
	require.Contains(t, removal.Others, "fade-three")

	removal, err = w.cluster(t).PlanRemoval(t.Context(), w.with(t, fade, "fade-three", "fade-two", "fade-one"),
		bundles.RemovalWish{AcceptLoss: true, Names: []string{"fade-store"}})
	require.NoError(t, err)
	require.Equal(t, []string{"fade-store"}, leaving(removal))
}

var fadings = schema.GroupVersionResource{Group: "example.org", Version: "v1", Resource: "fadings"}

func (w *world) kindsStay(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.org/v1", "kind": "Fading", "metadata": map[string]any{"name": "mine", "namespace": "default"},
	}}
	_, err := w.dynamic.Resource(fadings).Namespace("default").Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	wish := bundles.RemovalWish{Names: []string{"fade-kind"}}
	removal, err := w.cluster(t).PlanRemoval(t.Context(), w.with(t, fade), wish)
	require.NoError(t, err)
	require.Equal(t, []bundles.Kept{{
		Name: "fade-kind", Loses: []string{"1 fadings.example.org would be deleted with their kind: default/mine"},
	}}, removal.Kept)

	require.NoError(t, w.dynamic.Resource(fadings).Namespace("default").Delete(t.Context(), "mine", metav1.DeleteOptions{}))
	planned, err := w.cluster(t).PlanRemoval(t.Context(), w.with(t, fade), wish)
	require.NoError(t, err)
	require.Equal(t, []string{"fade-kind"}, leaving(planned))

	// One that comes after the plan was made keeps it too.
	_, err = w.dynamic.Resource(fadings).Namespace("default").Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	var changed *bundles.ChangedError
	require.ErrorAs(t, w.cluster(t).Remove(t.Context(), w.with(t, fade), planned, (&complaints{}).await, nil), &changed)
	require.NoError(t, w.dynamic.Resource(fadings).Namespace("default").Delete(t.Context(), "mine", metav1.DeleteOptions{}))
	w.remove(t, w.with(t, fade), wish)
	_, err = w.dynamic.Resource(fadings).Namespace("default").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

func (w *world) dependentsGoFirst(t *testing.T) {
	told := w.followBundle(t, fade)
	removal, heard := w.remove(t, w.with(t, fade, "fade-one", "fade-store"), bundles.RemovalWish{Off: true})
	require.Equal(t, []string{"fade-three", "fade-two", "fade-lone"}, leaving(removal))
	told.requireOrder(t, "fade-three DELETED", "fade-two leaving", "fade-two DELETED", "fade-lone leaving", "fade-lone DELETED")
	require.Equal(t, bundles.StateRemoved, heard.last("fade-two").State)
	for _, name := range leaving(removal) {
		require.Empty(t, w.history(t, fadeTo, name), name)
	}
	require.Equal(t, bundles.PackageStatus{Name: "namespace fading-lone", State: bundles.StateRemoved},
		heard.last("namespace fading-lone"))
	_, err := w.kube.CoreV1().Namespaces().Get(t.Context(), "fading-lone", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	require.Equal(t, map[int]string{1: "deployed"}, w.history(t, fadeTo, "fade-one"), "what stays is not touched")
}

// hold keeps an object from being deleted, or lets it go again.
func (w *world) hold(t *testing.T, name string, held bool) {
	t.Helper()
	patch := `{"metadata": {"finalizers": null}}`
	if held {
		patch = `{"metadata": {"finalizers": ["example.org/hold"]}}`
	}
	_, err := w.kube.CoreV1().ConfigMaps(fadeTo).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(t, err)
}

func (w *world) killedRemovalGoesOn(t *testing.T) {
	plan := w.with(t, fade, "fade-one", "fade-two", "fade-three", "fade-store", "fade-lone")
	w.installRest(t, plan)
	told := w.followBundle(t, fade)
	w.hold(t, "fade-two", true)
	p := w.startJob(t, job{Bundle: fade, Faded: []string{"fade-store", "fade-one"}})
	told.requireOrder(t, "fade-three DELETED", "fade-two leaving")
	require.Eventually(t, func() bool { return strings.Contains(p.output.String(), "example.org/hold") }, patience, tick,
		"what holds it is named: %s", p.output)
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.wait(t))
	require.Contains(t, p.output.String(), "still there: ConfigMap fading/fade-two, held by finalizer example.org/hold")
	require.Negative(t, told.when("fade-two DELETED"))

	w.hold(t, "fade-two", false)
	removal, _ := w.remove(t, w.with(t, fade, "fade-one", "fade-store"), bundles.RemovalWish{Off: true})
	require.NotContains(t, leaving(removal), "fade-three", "that was done before")
	told.requireOrder(t, "fade-three DELETED", "fade-two DELETED")
}

func (w *world) suspendedIsUninstalled(t *testing.T) {
	_, err := w.dynamic.Resource(helmReleases).Namespace(fadeTo).Patch(t.Context(), "fade-three", types.MergePatchType,
		[]byte(`{"spec": {"suspend": true}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	w.remove(t, w.with(t, fade, "fade-one", "fade-two", "fade-store"), bundles.RemovalWish{Off: true})
	require.Empty(t, w.history(t, fadeTo, "fade-three"))
	_, err = w.kube.CoreV1().ConfigMaps(fadeTo).Get(t.Context(), "fade-three", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	charts := schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "helmcharts"}
	_, err = w.dynamic.Resource(charts).Namespace("cozy-system").Get(t.Context(), "fading-fade-three", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

func (w *world) namespaceStays(t *testing.T) {
	w.installRest(t, w.with(t, fade, "fade-one", "fade-two", "fade-store", "fade-lone"))
	_, err := w.kube.CoreV1().ConfigMaps("fading-lone").Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, heard := w.remove(t, w.with(t, fade, "fade-one", "fade-two", "fade-store"), bundles.RemovalWish{Off: true})
	require.Equal(t, bundles.PackageStatus{
		Name: "namespace fading-lone", State: bundles.StatePresent, Message: "it stays, because it holds what no package made: configmaps/mine",
	}, heard.last("namespace fading-lone"))
	require.NoError(t, w.kube.CoreV1().ConfigMaps("fading-lone").Delete(t.Context(), "mine", metav1.DeleteOptions{}))
}

func (w *world) acceptedGoes(t *testing.T) {
	plan := w.with(t, faded)
	told := w.followBundle(t, fade)
	quiet, err := w.cluster(t).PlanRemoval(t.Context(), plan, bundles.RemovalWish{Off: true, AcceptLoss: true})
	require.NoError(t, err)
	require.Empty(t, quiet.Packages, "up leaves what another bundle installed")
	require.Len(t, quiet.Others, 4)

	removal, _ := w.remove(t, plan, bundles.RemovalWish{AcceptLoss: true})
	require.Equal(t, []string{"fade-two", "fade-store", "fade-one", "fade-relic"}, leaving(removal))
	told.requireOrder(t, "fade-two DELETED", "fade-store DELETED", "fade-one DELETED")
	require.Empty(t, w.history(t, "fading-relic", "fade-relic"))
	_, err = w.kube.CoreV1().Namespaces().Get(t.Context(), "fading-relic", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	installed, err := w.cluster(t).Installed(t.Context())
	require.NoError(t, err)
	require.Len(t, installed, 1, "the core stays")
}

// A removal that is under way, and somebody who enables the package again: it is installed anew once it is gone.
func (w *world) enabledAgain(t *testing.T) {
	plan := w.with(t, fade, "fade-one", "fade-two", "fade-three", "fade-store")
	w.installRest(t, plan)
	told := w.followBundle(t, fade)
	w.hold(t, "fade-three", true)
	p := w.startJob(t, job{Bundle: fade, Faded: []string{"fade-store", "fade-one", "fade-two"}})
	told.requireOrder(t, "fade-three leaving")
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.wait(t))
	ended := make(chan error, 1)
	heard, flux := &reports{}, w.flux(t)
	go func() { ended <- flux.Install(t.Context(), plan, heard.hear) }()
	require.Eventually(t, func() bool {
		return strings.HasPrefix(heard.last("fade-three").Message, "for its removal to end")
	}, patience, tick)
	require.Equal(t, bundles.StateWaiting, heard.last("fade-three").State)
	w.hold(t, "fade-three", false)
	require.NoError(t, <-ended)
	require.Equal(t, bundles.StateReady, heard.last("fade-three").State)
	told.requireOrder(t, "fade-three DELETED", "fade-three ADDED", "fade-three ready")
}
