// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/standin"
)

// operations is when stand-ins of operators were done with the objects of a package.
type operations struct {
	lock sync.Mutex
	done map[string]time.Time
}

func (o *operations) note(name string) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.done[name] = time.Now()
}

func (o *operations) when(name string) (time.Time, bool) {
	o.lock.Lock()
	defer o.lock.Unlock()
	at, isDone := o.done[name]
	return at, isDone
}

// playPrograms plays what programs of the plan do, but of those packages that are stuck, until the test ends.
func (w *world) playPrograms(t *testing.T, plan *bundles.Plan, stuck map[string]string) *operations {
	t.Helper()
	out := &operations{done: map[string]time.Time{}}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- standin.Registrar{
			Config: w.config, Plan: plan, Own: w.shelf.charts, Delay: registrationDelay, Stuck: stuck, Operated: out.note,
		}.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return out
}

// dependentsCameAfter requires that no release was made before the operators were done with the packages it depends on. The
// cluster tells times in whole seconds, of which the operators take at least one. It returns how many had to wait.
func (w *world) dependentsCameAfter(t *testing.T, plan *bundles.Plan, operated *operations) int {
	t.Helper()
	waited := 0
	for _, p := range plan.Packages[len(plan.Core):] {
		for _, dependency := range p.DependsOn {
			done, has := operated.when(dependency)
			if !has {
				continue
			}
			release, err := w.dynamic.Resource(helmReleases).Namespace(p.Namespace).Get(t.Context(), p.Name, metav1.GetOptions{})
			require.NoError(t, err)
			require.False(t, release.GetCreationTimestamp().Time.Before(done.Truncate(time.Second)),
				"%s was made at %s, and the operator of %s was done at %s", p.Name, release.GetCreationTimestamp(), dependency, done)
			waited++
		}
	}
	return waited
}

// operatedPackages: base is the core, with the kind; late and stuck have an object of it, which an operator must make ready;
// later depends on late, never on stuck; apart on nothing.
func operatedPackages() fstest.MapFS {
	const conditions = "needs: [works.example.org]\nchart: {embedded: trial-work}\nhealth:\n  timeout: 20s\n  conditions:\n" +
		"    - {apiVersion: example.org/v1, kind: Work, condition: Ready}\n" +
		"    - {apiVersion: example.org/v1, kind: Work, name: work, field: status.phase, value: Done, message: status.why}\n"
	out := fstest.MapFS{"sets/operated.yaml": {Data: []byte("name: operated\ntitle: T\nplatform: talos\ncore: [base]\nlayers:\n" +
		"  - name: all\n    packages: [{name: base}, {name: late}, {name: stuck}, {name: later}, {name: never}, {name: apart}]\n")}}
	for name, more := range map[string]string{
		"base":  "chart: {embedded: trial-base}\nprovides: [{name: works.example.org, from: chart}]\n",
		"late":  conditions,
		"stuck": conditions,
		"later": "chart: {embedded: trial}\ndependsOn: [late]\n",
		"never": "chart: {embedded: trial}\ndependsOn: [stuck]\n",
		"apart": "chart: {embedded: trial}\n",
	} {
		out["packages/"+name+".yaml"] = &fstest.MapFile{Data: []byte("name: " + name + "\ntitle: T\nnamespace: cozy-" + name + "\n" + more)}
	}
	return out
}

func operatedCharts() fstest.MapFS {
	out := trialCharts(firstEdition)
	out["trial-base/templates/all.yaml"] = &fstest.MapFile{Data: []byte(workCRD)}
	for path, content := range map[string]string{
		"Chart.yaml":          "apiVersion: v2\nname: trial-work\nversion: 0.1.0\n",
		"values.yaml":         "{}\n",
		"templates/work.yaml": "apiVersion: example.org/v1\nkind: Work\nmetadata: {name: work}\nspec: {}\n",
	} {
		out["trial-work/"+path] = &fstest.MapFile{Data: []byte(content)}
	}
	return out
}

const workCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: works.example.org}
spec:
  group: example.org
  names: {kind: Work, plural: works}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// Flux calls both releases ready at once: only their operators, which are played, know better.
func TestDependentsWaitForOperatorsAndAStuckOneIsNamed(t *testing.T) {
	w := newWorld(t)
	w.hasANetwork(t)
	var err error
	w.shelf, err = shelfWith(operatedPackages(), operatedCharts())
	require.NoError(t, err)
	w.served.Store(w.shelf)
	plan := w.plan(t, "operated", nil)
	w.installCore(t, plan)
	const says = "no disk on any node"
	operated := w.playPrograms(t, plan, map[string]string{"stuck": says})

	told, heard := w.followBundle(t, "operated"), &reports{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	err = w.flux(t).Install(ctx, plan, heard.hear)
	var unfinished *bundles.UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.NoError(t, unfinished.Cause, "nobody ended it")
	object := bundles.FailingObject{
		Kind: "Work", Namespace: "cozy-stuck", Name: "work", Why: "condition Ready is False, not True: SimulatedByTheLab: " + says,
	}
	require.Equal(t, []bundles.PackageStatus{{
		Name: "stuck", State: bundles.StateFailed, Message: "its release is deployed, but not healthy after 20s", Object: object,
	}}, unfinished.Culprits)
	require.Equal(t, []string{"never"}, unfinished.Waiting)
	require.Equal(t, bundles.StateReady, heard.last("later").State)
	require.Equal(t, bundles.StateReady, heard.last("apart").State)
	told.requireOrder(t, "late ready", "later ADDED")
	told.requireOrder(t, "stuck ready") // says Flux
	require.Negative(t, told.when("never ADDED"))
	_, isDone := operated.when("late")
	require.True(t, isDone)
	require.Equal(t, 1, w.dependentsCameAfter(t, plan, operated))

	statuses, err := w.flux(t).Status(t.Context(), plan)
	require.NoError(t, err)
	for _, one := range statuses {
		if one.Name == "stuck" {
			require.Equal(t, bundles.StateInstalling, one.State)
			require.Equal(t, object, one.Object)
		}
	}
}
