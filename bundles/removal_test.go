// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// leaver is a candidate that Flux keeps.
func leaver(name string, needs ...string) candidate {
	return candidate{Installed: Installed{Name: name, release: &helmv2.HelmRelease{}}, needs: needs, asked: true}
}

func TestWhatIsRemovedAndWhatStays(t *testing.T) {
	ofCore, lossy, other := leaver("core"), leaver("lossy", "middle"), leaver("other", "middle")
	ofCore.release, lossy.loses, other.asked = nil, []string{"data"}, false
	kept := Kept{Name: "lossy", Loses: []string{"data"}}
	for name, test := range map[string]struct {
		candidates []candidate
		needed     map[string][]string
		accept     bool
		gone       []string
		kept       []Kept
		others     []string
	}{
		"nothing":                {},
		"dependents go first":    {candidates: []candidate{leaver("a"), leaver("b", "a", "x"), leaver("c", "b")}, gone: []string{"c", "b", "a"}},
		"the core goes last":     {candidates: []candidate{ofCore, leaver("a"), leaver("b")}, gone: []string{"b", "a", "core"}},
		"data stays":             {candidates: []candidate{lossy, leaver("z")}, gone: []string{"z"}, kept: []Kept{kept}},
		"accepted data goes":     {candidates: []candidate{lossy, leaver("middle")}, accept: true, gone: []string{"lossy", "middle"}},
		"a circle is cut":        {candidates: []candidate{leaver("a", "b"), leaver("b", "a")}, gone: []string{"a", "b"}},
		"the plan needs it":      {candidates: []candidate{leaver("a")}, needed: map[string][]string{"a": {"p"}}, kept: []Kept{{Name: "a", NeededBy: []string{"p"}}}},
		"what was not asked for": {candidates: []candidate{other, leaver("z")}, gone: []string{"z"}, others: []string{"other"}},
		"what is needed by what stays, and what that needs": {
			candidates: []candidate{leaver("base"), lossy, leaver("middle", "base")},
			kept:       []Kept{kept, {Name: "middle", NeededBy: []string{"lossy"}}, {Name: "base", NeededBy: []string{"middle"}}},
		},
		"what is needed by what was not asked for": {
			candidates: []candidate{leaver("middle"), other}, others: []string{"other"}, kept: []Kept{{Name: "middle", NeededBy: []string{"other"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := decide(test.candidates, test.needed, RemovalWish{AcceptLoss: test.accept})
			var gone []string
			for _, one := range got.Packages {
				gone = append(gone, one.Name)
			}
			require.Equal(t, test.gone, gone)
			require.Equal(t, test.kept, got.Kept)
			require.Equal(t, test.others, got.Others)
		})
	}
}

func TestUpRemovesOnlyWhatTheSiteFileTurnedOff(t *testing.T) {
	plan := &Plan{Bundle: "b", Off: []string{"a"}}
	for name, test := range map[string]struct {
		one  Installed
		want bool
	}{
		"off":                   {Installed{Name: "a", Bundle: "b"}, true},
		"left by Flux":          {Installed{Name: "a"}, true},
		"of another bundle":     {Installed{Name: "a", Bundle: "c"}, false},
		"of the core of before": {Installed{Name: "a", fromHere: true}, false},
		"not of the bundle":     {Installed{Name: "x", Bundle: "b"}, false},
	} {
		require.Equal(t, test.want, RemovalWish{Off: true}.means(plan, test.one), name)
		require.True(t, RemovalWish{}.means(plan, test.one), name)
	}
}

func TestADifferenceSaysWhatAnInstallationWouldKeep(t *testing.T) {
	removal := decide([]candidate{
		{Installed: Installed{Name: "gone"}, asked: true},
		{Installed: Installed{Name: "store"}, asked: true, loses: []string{"it holds data: a store"}, needs: []string{"driver"}},
		{Installed: Installed{Name: "driver"}, asked: true},
		{Installed: Installed{Name: "foreign"}},
	}, nil, RemovalWish{Off: true})
	require.Equal(t, []PackageDiff{
		{Package: "gone", Change: DiffRemove},
		{Package: "store", Change: DiffKeep, Reason: "it holds data: a store", Loses: []string{"it holds data: a store"}},
		{Package: "driver", Change: DiffKeep, Reason: "needed by store"},
		{Package: "foreign", Change: DiffKeep, Reason: "a change of the bundle or of this program left it: bundle remove takes it away"},
	}, removal.diffs())
}

func TestNamespacesAreEmptiedByTheLastPackage(t *testing.T) {
	plan := &Plan{Packages: []Package{{Namespace: "planned"}}}
	gone := []Leaving{
		{Name: "a", Namespace: "x"},
		{Name: "b", Namespace: "x"},
		{Name: "c", Namespace: "shared"},
		{Name: "d", Namespace: "planned"},
		{Name: "multus", Namespace: "kube-system"}, // which was there before us, and stays
	}
	installed := []Installed{{Name: "a", Namespace: "x"}, {Name: "e", Namespace: "shared"}}
	ours := map[string]bool{"x": true, "shared": true, "planned": true}
	require.Equal(t, []string{"x"}, emptied(gone, installed, plan, ours))
}

func TestAnAttemptThatStillRunsIsToldOfARemoval(t *testing.T) {
	r := &helmv2.HelmRelease{}
	condition(r, meta.ReadyCondition, metav1.ConditionTrue, helmv2.InstallSucceededReason, "ok")
	require.Equal(t, "Flux uninstalls it", removalMessage(r))
	condition(r, meta.ReadyCondition, metav1.ConditionUnknown, meta.ProgressingReason, "Running 'install' action with timeout of 10m0s")
	require.Equal(t, "Flux uninstalls it when its last attempt has ended: Running 'install' action with timeout of 10m0s", removalMessage(r))
	condition(r, meta.ReadyCondition, metav1.ConditionUnknown, meta.ProgressingReason, "Fulfilling prerequisites")
	require.Equal(t, "Flux uninstalls it", removalMessage(r))
	condition(r, helmv2.ReleasedCondition, metav1.ConditionFalse, helmv2.UninstallFailedReason, "held by a finalizer")
	require.Equal(t, "held by a finalizer", removalMessage(r))
}

func TestAnInterruptedRemovalSaysWhatGoesOn(t *testing.T) {
	err := error(&RemoveError{Package: "a", ByFlux: true, Left: []string{"b", "c"}, Err: context.Canceled})
	require.ErrorIs(t, err, context.Canceled)
	require.EqualError(t, err, "remove package a: context canceled")
	var interrupted *RemoveError
	require.ErrorAs(t, err, &interrupted)
	require.Equal(t, "Flux goes on in the cluster with the removal of a\nnot begun: b, c\n"+goOn, interrupted.Interrupted())
	require.Equal(t, "a may be half removed\n"+goOn, (&RemoveError{Package: "a", Err: context.Canceled}).Interrupted())
}

func TestOnlyAFailureOfARemovalIsToldAsOne(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	flux, core := Leaving{Name: "a", installed: Installed{release: &helmv2.HelmRelease{}}}, Leaving{Name: "c"}
	told := func(ctx context.Context, one Leaving) (out PackageStatus) {
		reportStop(ctx, func(s PackageStatus) { out = s }, one, errors.New("held"))
		return out
	}
	require.Equal(t, PackageStatus{Name: "a", State: StateFailed, Message: "held"}, told(ctx, flux))
	late, end := context.WithTimeout(ctx, 0)
	defer end()
	require.Equal(t, StateFailed, told(late, flux).State, "its time was over")
	cancel()
	require.Equal(t, PackageStatus{Name: "a", State: StateRemoving, Message: "interrupted; Flux goes on"}, told(ctx, flux))
	require.Equal(t, PackageStatus{Name: "c", State: StateRemoving, Message: "interrupted; it may be half removed"}, told(ctx, core))
}

func TestObjectsMadeOfOthersDoNotCount(t *testing.T) {
	kinds := map[string]bool{"certificates.cert-manager.io": true}
	owned := func(version string) metav1.PartialObjectMetadata {
		return metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{APIVersion: version}}}}
	}
	require.True(t, isMadeOf(owned("cert-manager.io/v1"), kinds))
	require.False(t, isMadeOf(owned("kubevirt.io/v1"), kinds), "a kind that stays: nobody counts its object")
	require.False(t, isMadeOf(metav1.PartialObjectMetadata{}, kinds))
}

func TestWhatHoldsAnObjectIsNamed(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{
		"kind": "Namespace", "metadata": map[string]any{"name": "x", "finalizers": []any{"a/b"}},
		"status": map[string]any{"conditions": []any{
			map[string]any{"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"},
			map[string]any{"type": "NamespaceDeletionContentFailure", "status": "False", "message": "all is well"},
		}},
	}}
	require.Equal(t, "Namespace x, held by finalizer a/b (pods. has 1 resource instances)", describe(object))
}

func TestVolumesOfAReleaseAreFoundUnlessHelmKeepsThem(t *testing.T) {
	objects, err := objectsOf(`
kind: PersistentVolumeClaim
metadata: {name: mine}
---
kind: PersistentVolumeClaim
metadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}
`)
	require.NoError(t, err)
	require.Equal(t, []string{"cozy-a/mine"}, releaseContent{objects: objects}.volumes("cozy-a"))
}
