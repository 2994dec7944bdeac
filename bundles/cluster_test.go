// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/stretchr/testify/require"
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
	t.Helper()
	c := &fakeCluster{t: t, react: react, client: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(
		runtime.NewScheme(), map[schema.GroupVersionResource]string{
			releases(): "HelmReleaseList", repositories(): "HelmRepositoryList", definitions(): "CustomResourceDefinitionList",
			thingsResource(): "ThingList",
		})}
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

// annotations are those of a package's HelmRelease.
func (c *fakeCluster) annotations(name string) map[string]string {
	c.t.Helper()
	object, err := c.client.Resource(releases()).Namespace("cozy-"+name).Get(c.t.Context(), name, metav1.GetOptions{})
	require.NoError(c.t, err)
	return object.GetAnnotations()
}

func (c *fakeCluster) flux() *Flux {
	return &Flux{clients: clients{kube: fake.NewClientset(), dynamic: c.client}, chartsURL: DefaultChartsURL, now: time.Now}
}

func condition(r *helmv2.HelmRelease, kind string, status metav1.ConditionStatus, reason, message string) {
	if kind == meta.ReadyCondition && status == metav1.ConditionTrue {
		r.Status.ObservedGeneration = r.Generation
		if r.Spec.Chart != nil {
			r.Status.LastAttemptedRevision = r.Spec.Chart.Spec.Version
		}
	}
	apimeta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{
		Type: kind, Status: status, ObservedGeneration: r.Generation, Reason: reason, Message: message,
	})
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
	t.Helper()
	return planOf(t, "z", pkg("z"), pkg("a"), pkg("b"), pkg("c", "dependsOn: [a, b, z]"), pkg("d"))
}

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}
