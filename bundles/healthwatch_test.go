// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// operated is z: core, with the kind; a, whose thing an operator must make available; b after it; far alone.
func operated(t *testing.T) *Plan {
	t.Helper()
	return planOf(t, "z", pkg("z", "provides: [{name: "+things+", from: chart}]"),
		pkg("a", "needs: ["+things+"]", "health: {timeout: 2s, conditions: [{apiVersion: example.org/v1, kind: Thing, name: x, condition: Available}]}"),
		pkg("b", "dependsOn: [a]"), pkg("far"))
}

func thingsResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "example.org", Version: "v1", Resource: "things"}
}

// operatedCluster knows the kind, of that scope.
func operatedCluster(t *testing.T, scope string) *fakeCluster {
	t.Helper()
	cluster := newFakeCluster(t, ready)
	definition := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": things},
		"spec": map[string]any{"scope": scope},
	}}
	require.NoError(t, cluster.client.Tracker().Create(definitions(), definition, ""))
	return cluster
}

// say lets the operator of the thing in that namespace say so.
func (c *fakeCluster) say(namespace, status string) {
	c.t.Helper()
	object := thing(c.t, status)
	object.SetNamespace(namespace)
	if c.client.Tracker().Update(thingsResource(), object, namespace) != nil {
		require.NoError(c.t, c.client.Tracker().Create(thingsResource(), object, namespace))
	}
}

const (
	lateThing = "{conditions: [{type: Available, status: 'False', reason: Error, message: no route to it}]}"
	goodThing = "{conditions: [{type: Available, status: 'True'}]}"
)

func TestDependentsWaitForConditions(t *testing.T) {
	for scope, namespace := range map[string]string{"Namespaced": "cozy-a", "Cluster": ""} {
		cluster := operatedCluster(t, scope)
		heard := &listener{}
		err := cluster.flux().Install(within(t, 10*time.Second), operated(t), func(s PackageStatus) {
			heard.hear(s)
			switch {
			case s.Name == "a" && s.Object.Why == doesNotExist:
				cluster.say(namespace, lateThing)
			case s.Name == "a" && s.Object.Why == "condition Available is False, not True: Error: no route to it":
				require.Equal(t, FailingObject{Kind: "Thing", Namespace: namespace, Name: "x", Why: s.Object.Why}, s.Object)
				require.Equal(t, StateInstalling, s.State)
				require.NotContains(t, heard.of("b"), StateInstalling)
				require.NotContains(t, cluster.applied, "b")
				cluster.say(namespace, goodThing)
			}
		})
		require.NoError(t, err)
		require.Equal(t, "b", cluster.applied[len(cluster.applied)-1])
		require.Contains(t, heard.all, PackageStatus{Name: "a", State: StateReady, Message: "ok"})
		statuses, err := cluster.flux().Status(t.Context(), operated(t))
		require.NoError(t, err)
		require.Equal(t, StateReady, statuses[0].State)
	}
}

func TestAConditionThatNeverComesIsTheCulprit(t *testing.T) {
	cluster := operatedCluster(t, "Namespaced")
	cluster.say("cozy-a", lateThing)
	plan := operated(t)
	err := cluster.flux().Install(within(t, 60*time.Second), plan, nil)
	require.EqualError(t, err, "packages are not ready: a is failed (Thing cozy-a/x: condition Available is False, not True: Error: "+
		"no route to it; its release is deployed, but not healthy after 2s); waiting for them: b")
	require.Contains(t, cluster.applied, "far")
	require.NotContains(t, cluster.applied, "b")

	statuses, err := cluster.flux().Status(t.Context(), plan)
	require.NoError(t, err)
	require.Equal(t, PackageStatus{
		Name: "a", State: StateInstalling, Message: deployed,
		Object: FailingObject{"Thing", "cozy-a", "x", "condition Available is False, not True: Error: no route to it"},
	}, statuses[0])
}

func TestAHealthThatCantBeAskedIsNotGood(t *testing.T) {
	cluster := newFakeCluster(t, ready) // knows no such kind
	plan := operated(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := cluster.flux().Install(ctx, plan, func(s PackageStatus) {
		if s.Name == "a" && s.Object.Kind != "" {
			cancel()
		}
	})
	var unfinished *UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.Contains(t, err.Error(), "Thing cozy-a/x: it could not be asked: read CRD "+things)
	statuses, err := cluster.flux().Status(t.Context(), plan)
	require.NoError(t, err)
	require.Equal(t, StateInstalling, statuses[0].State)
	require.Contains(t, statuses[0].Object.Why, apierrors.NewNotFound(definitions().GroupResource(), things).Error())
}

func TestAHealthyPackageStaysReadyAndAnUnwellOneIsNotMixedUp(t *testing.T) {
	clock := time.Now()
	p, heard := progressAt(t, &clock, pkg("a", "health: {timeout: 1m, conditions: [{apiVersion: example.org/v1, kind: Thing, condition: Ready}]}",
		"provides: [{name: "+things+", from: chart}]"), pkg("b", "dependsOn: [a]"))
	r := &helmv2.HelmRelease{}
	observe := func(unhealthy bool) (bool, error) {
		releases := map[string]*helmv2.HelmRelease{"a": r}
		p.unhealthy = map[string]FailingObject{}
		if unhealthy && len(p.deployed(releases)) > 0 {
			p.unhealthy["a"] = FailingObject{Kind: "Thing", Name: "x", Why: "no"}
		}
		p.observe(releases)
		return p.finished()
	}
	p.start("a", start{})
	ready(r, 1)
	done, _ := observe(true)
	require.False(t, done)
	require.Equal(t, StateInstalling, p.status["a"].State)
	require.Empty(t, p.suspects(), "it has just become unwell")
	clock = clock.Add(suspicion)
	require.Equal(t, []suspect{{p.packages[0], p.unhealthy["a"]}}, p.suspects())
	p.found(finding{name: "a", known: true, unwell: FailingObject{Kind: "Thing", Name: "x", Why: "another reason"}})
	require.Equal(t, PackageStatus{Name: "a", State: StateInstalling, Message: deployed, Object: p.unhealthy["a"]}, p.status["a"], "that is no longer so")
	pod := Warning{Kind: "Pod", Name: "x-0", Reason: "FailedScheduling", Message: "unbound claims"}
	p.found(finding{name: "a", known: true, unwell: p.unhealthy["a"], object: p.unhealthy["a"], warning: pod})
	require.Equal(t, pod, p.status["a"].Warning)
	_, _ = observe(true)
	require.Equal(t, pod, p.status["a"].Warning, "it stays as long as nothing else is known")

	clock = clock.Add(time.Minute + time.Second)
	done, err := observe(true)
	require.True(t, done)
	require.EqualError(t, err, "packages are not ready: a is failed (Thing x: no; Pod x-0: FailedScheduling: unbound claims; its release is deployed, but not healthy after 1m0s); waiting for them: b")

	condition(r, meta.ReadyCondition, metav1.ConditionFalse, helmv2.UpgradeFailedReason, "no such image") // Flux looks again
	_, _ = observe(true)
	require.Equal(t, "no such image", p.status["a"].Message)
	ready(r, 2)
	done, _ = observe(true)
	require.False(t, done, "it has the whole time again")
	_, _ = observe(false)
	require.Equal(t, PackageStatus{Name: "a", State: StateReady, Message: "ok"}, p.status["a"])
	_, _ = observe(true)
	require.Equal(t, StateReady, p.status["a"].State, "it was healthy")
	require.Equal(t, []State{StateInstalling, StateFailed, StateInstalling, StateReady}, heard.of("a"))
}
