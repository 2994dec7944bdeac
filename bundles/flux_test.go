// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// fakeCluster stores what is applied, and answers for helm-controller: after each apply of a HelmRelease it sets the status
// that react gives it.
type fakeCluster struct {
	t       *testing.T
	client  *dynamicfake.FakeDynamicClient
	react   func(r *helmv2.HelmRelease, apply int) // apply counts from 1
	lock    sync.Mutex
	applied []string // names of HelmReleases, in order
	waiting sync.WaitGroup
	refuse  func(apply int) error // nil: nothing is refused
	tries   int
}

func newFakeCluster(t *testing.T, react func(*helmv2.HelmRelease, int)) *fakeCluster {
	c := &fakeCluster{t: t, react: react, client: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(
		runtime.NewScheme(), map[schema.GroupVersionResource]string{releases(): "HelmReleaseList", repositories(): "HelmRepositoryList"})}
	c.client.PrependReactor("patch", "*", c.patch)
	t.Cleanup(c.waiting.Wait)
	return c
}

// patch is server-side apply, without the parts of it that nothing here needs: the generation grows when the spec changes.
func (c *fakeCluster) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	apply := action.(clienttesting.PatchAction)
	c.lock.Lock()
	defer c.lock.Unlock()
	c.tries++
	if c.refuse != nil {
		if err := c.refuse(c.tries); err != nil {
			return true, nil, err
		}
	}
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal(apply.GetPatch(), &object.Object); err != nil {
		return true, nil, err
	}
	kind := apply.GetResource()
	object.SetGeneration(1)
	old, err := c.client.Tracker().Get(kind, apply.GetNamespace(), apply.GetName())
	if err == nil {
		before := old.(*unstructured.Unstructured)
		object.SetGeneration(before.GetGeneration())
		if status, ok := before.Object["status"]; ok {
			object.Object["status"] = status
		}
		was, _ := json.Marshal(before.Object["spec"])
		is, _ := json.Marshal(object.Object["spec"])
		if string(was) != string(is) {
			object.SetGeneration(before.GetGeneration() + 1)
		}
		err = c.client.Tracker().Update(kind, object, apply.GetNamespace())
	} else {
		err = c.client.Tracker().Create(kind, object, apply.GetNamespace())
	}
	if err == nil && kind.Resource == "helmreleases" {
		c.applied = append(c.applied, apply.GetName())
		count := 0
		for _, name := range c.applied {
			if name == apply.GetName() {
				count++
			}
		}
		c.waiting.Go(func() { c.reconcile(object.DeepCopy(), count) })
	}
	return true, object, err
}

func (c *fakeCluster) reconcile(object *unstructured.Unstructured, count int) {
	release, err := toRelease(object)
	require.NoError(c.t, err)
	release.Status.LastHandledReconcileAt = release.Annotations[meta.ReconcileRequestAnnotation]
	c.react(release, count)
	c.store(release)
}

func (c *fakeCluster) store(release *helmv2.HelmRelease) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(release)
	require.NoError(c.t, err)
	require.NoError(c.t, c.client.Tracker().Update(releases(), &unstructured.Unstructured{Object: content}, release.Namespace))
}

func (c *fakeCluster) flux() *Flux {
	return &Flux{kube: fake.NewClientset(), dynamic: c.client, chartsURL: DefaultChartsURL, now: time.Now}
}

func condition(r *helmv2.HelmRelease, kind string, status metav1.ConditionStatus, reason, message string) {
	if kind == meta.ReadyCondition && status == metav1.ConditionTrue {
		r.Status.ObservedGeneration = r.Generation
	}
	apimeta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{
		Type: kind, Status: status, ObservedGeneration: r.Generation, Reason: reason, Message: message})
}

func ready(r *helmv2.HelmRelease, _ int) {
	condition(r, meta.ReadyCondition, metav1.ConditionTrue, helmv2.InstallSucceededReason, "ok")
}

// listener collects reports.
type listener struct {
	lock sync.Mutex
	all  []PackageStatus
}

func (l *listener) hear(s PackageStatus) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.all = append(l.all, s)
}

func (l *listener) of(name string) []State {
	l.lock.Lock()
	defer l.lock.Unlock()
	var out []State
	for _, s := range l.all {
		if s.Name == name && (len(out) == 0 || out[len(out)-1] != s.State) {
			out = append(out, s.State)
		}
	}
	return out
}

// diamond: z is the core; a and b at once, c after both, d alone.
func diamond(t *testing.T) *Plan {
	return planOf(t, "z", pkg("z"), pkg("a"), pkg("b"), pkg("c", "dependsOn: [a, b, z]"), pkg("d"))
}

func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func TestReleasesAreMadeWhenWhatTheyNeedIsReady(t *testing.T) {
	release := make(chan struct{})
	cluster := newFakeCluster(t, func(r *helmv2.HelmRelease, n int) {
		if r.Name == "a" {
			<-release // a takes until d is ready: d must not wait for it
		}
		ready(r, n)
	})
	heard := &listener{}
	err := cluster.flux().Install(within(t, 10*time.Second), diamond(t), func(s PackageStatus) {
		heard.hear(s)
		if s.Name == "d" && s.State == StateReady {
			close(release)
		}
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "d", "c"}, cluster.applied)
	require.Equal(t, []State{StateWaiting, StateInstalling, StateReady}, heard.of("c"))
	require.Equal(t, []State{StateInstalling, StateReady}, heard.of("d"))
	require.Empty(t, heard.of("z"), "the core is installed otherwise")
}

func TestARunOverReadyReleasesEndsAtOnce(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	plan := diamond(t)
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), plan, nil))
	cluster.waiting.Wait()
	cluster.react = func(*helmv2.HelmRelease, int) {} // Flux sees no change, and does nothing
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), plan, nil))
	statuses, err := cluster.flux().Status(t.Context(), plan)
	require.NoError(t, err)
	require.Equal(t, []PackageStatus{{"a", StateReady, "ok"}, {"b", StateReady, "ok"}, {"c", StateReady, "ok"}, {"d", StateReady, "ok"}}, statuses)
}

func TestAFailedReleaseIsNamedAndOthersGoOn(t *testing.T) {
	cluster := newFakeCluster(t, func(r *helmv2.HelmRelease, n int) {
		if r.Name != "b" {
			ready(r, n)
			return
		}
		condition(r, helmv2.ReleasedCondition, metav1.ConditionFalse, helmv2.InstallFailedReason, "no such image")
		condition(r, meta.ReadyCondition, metav1.ConditionFalse, "RetryAfterInterval", "Will retry after 15s")
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	heard, enough := &listener{}, errors.New("enough")
	err := cluster.flux().Install(ctx, diamond(t), func(s PackageStatus) {
		heard.hear(s)
		if slices.Contains(heard.of("a"), StateReady) && slices.Contains(heard.of("b"), StateFailed) && slices.Contains(heard.of("d"), StateReady) {
			cancel(enough)
		}
	})
	var unfinished *UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.ErrorIs(t, err, enough)
	require.Equal(t, []PackageStatus{{"b", StateFailed, "no such image"}}, unfinished.Culprits)
	require.Equal(t, []string{"c"}, unfinished.Waiting)
	require.Equal(t, "packages are not ready: b is failed (no such image); waiting for them: c: enough", err.Error())
	require.NotContains(t, cluster.applied, "c")
}

func TestARunEndsWhenNobodyWillTryAgain(t *testing.T) {
	cluster := newFakeCluster(t, func(r *helmv2.HelmRelease, n int) {
		if r.Name != "b" {
			ready(r, n)
			return
		}
		condition(r, meta.StalledCondition, metav1.ConditionTrue, "AccessDenied", "no access")
		condition(r, meta.ReadyCondition, metav1.ConditionFalse, "AccessDenied", "no access")
	})
	plan := diamond(t)
	err := cluster.flux().Install(within(t, 10*time.Second), plan, nil)
	require.EqualError(t, err, "packages are not ready: b is stalled (no access); waiting for them: c")
	cluster.waiting.Wait()

	// The next run asks Flux to try again, and waits for the answer to that.
	cluster.react = func(r *helmv2.HelmRelease, n int) {
		if r.Name == "b" {
			require.NotEmpty(t, r.Annotations[meta.ReconcileRequestAnnotation])
			require.Equal(t, r.Annotations[meta.ReconcileRequestAnnotation], r.Annotations[helmv2.ResetRequestAnnotation])
			apimeta.RemoveStatusCondition(&r.Status.Conditions, meta.StalledCondition)
		}
		ready(r, n)
	}
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), plan, nil))
}

func TestAReleaseThatSucceedsLaterCounts(t *testing.T) {
	cluster := newFakeCluster(t, nil)
	cluster.react = func(r *helmv2.HelmRelease, n int) {
		if r.Name == "b" {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.InstallFailedReason, "first try")
			cluster.store(r)
		}
		ready(r, n)
	}
	require.NoError(t, cluster.flux().Install(within(t, 10*time.Second), diamond(t), nil))
	require.Equal(t, "c", cluster.applied[len(cluster.applied)-1])
}

func TestAnAPIServerThatRestartsIsWaitedFor(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	cluster.refuse = func(n int) error {
		switch n {
		case 2:
			return errors.New("dial tcp 127.0.0.1:6443: connect: connection refused")
		case 4:
			return apierrors.NewServiceUnavailable("starting")
		}
		return nil
	}
	require.NoError(t, cluster.flux().Install(within(t, 20*time.Second), diamond(t), nil))
}

func TestARefusedObjectIsNotTriedAgain(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	cluster.refuse = func(n int) error {
		if n == 2 {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "helmreleases"}, "a", errors.New("no"))
		}
		return nil
	}
	err := cluster.flux().Install(within(t, 10*time.Second), diamond(t), nil)
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	require.ErrorContains(t, err, "apply helm release cozy-a/a")
	require.Equal(t, 2, cluster.tries)
}

func TestAClusterWithoutFluxIsNamed(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	cluster.refuse = func(int) error {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "helmrepositories"}, "cozy-charts")
	}
	require.ErrorIs(t, cluster.flux().Install(within(t, 10*time.Second), diamond(t), nil), ErrNoFlux)
}

func TestStateOfARelease(t *testing.T) {
	build := func(change func(*helmv2.HelmRelease)) *helmv2.HelmRelease {
		r := &helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Generation: 3}}
		ready(r, 1)
		change(r)
		return r
	}
	for name, test := range map[string]struct {
		release *helmv2.HelmRelease
		begun   start
		want    State
	}{
		"ready":                   {build(func(*helmv2.HelmRelease) {}), start{generation: 3}, StateReady},
		"not there":               {nil, start{}, StateInstalling},
		"seen too early":          {build(func(*helmv2.HelmRelease) {}), start{generation: 4}, StateInstalling},
		"ready before the change": {build(func(r *helmv2.HelmRelease) { r.Generation = 4 }), start{generation: 4}, StateInstalling},
		"ready, not yet observed": {build(func(r *helmv2.HelmRelease) { r.Status.ObservedGeneration = 2 }), start{generation: 3}, StateInstalling},
		"asked, not yet taken":    {build(func(*helmv2.HelmRelease) {}), start{3, "now"}, StateInstalling},
		"asked and taken":         {build(func(r *helmv2.HelmRelease) { r.Status.LastHandledReconcileAt = "now" }), start{3, "now"}, StateReady},
		"suspended":               {build(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true }), start{generation: 3}, StateStalled},
		"no word yet":             {&helmv2.HelmRelease{}, start{}, StateInstalling},
		"working": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionUnknown, meta.ProgressingReason, "")
		}), start{generation: 3}, StateInstalling},
		"chart on its way": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, "SourceNotReady", "")
		}), start{generation: 3}, StateInstalling},
		"dependency": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.DependencyNotReadyReason, "")
		}), start{generation: 3}, StateInstalling},
		"failed": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.UpgradeFailedReason, "")
		}), start{generation: 3}, StateFailed},
		"failed before the change": {build(func(r *helmv2.HelmRelease) {
			condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.UpgradeFailedReason, "")
			r.Generation = 4
		}), start{generation: 4}, StateInstalling},
	} {
		got, _ := stateOf(test.release, test.begun)
		require.Equal(t, test.want, got, name)
	}
}

func TestUnfinishedTellsWhereToLook(t *testing.T) {
	require.True(t, strings.Contains((&UnfinishedError{}).Hint(), "kubectl get helmreleases -A"))
}
