// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// timed are passes that take so long each, and when each began.
func timed(takes time.Duration, makes reconcile.Reconciler) (pass *passes, began func() []time.Time) {
	var times []time.Time

	pass = &passes{makes: reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		times = append(times, time.Now())
		time.Sleep(takes)

		return makes.Reconcile(ctx, request)
	})}

	return pass, func() []time.Time {
		synctest.Wait()

		return slices.Clone(times)
	}
}

// run starts a controller of passes, until the test ends.
func run(t *testing.T, pass *passes) {
	t.Helper()

	runs, err := controller.NewUnmanaged("passes", controller.Options{Reconciler: pass, SkipNameValidation: new(true)})
	require.NoError(t, err)
	require.NoError(t, runs.Watch(&pass.wakes))

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)

	go func() { ended <- runs.Start(ctx) }()

	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	synctest.Wait()
}

// nothing is a pass that finds nothing.
func nothing() reconcile.Reconciler {
	return reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) { return reconcile.Result{}, nil })
}

func TestOneChangeIsPassedOverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass, began := timed(time.Millisecond, nothing())
		run(t, pass)
		require.Empty(t, began(), "nobody asked")

		for i := range 3 {
			pass.onChange().Update(t.Context(), event.UpdateEvent{}, nil)
			require.Len(t, began(), i+1)
			require.Equal(t, time.Now(), began()[i])
			time.Sleep(time.Second)
		}
	})
}

func TestWhatWasAskedForBeforeTheStartIsOnePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass, began := timed(0, nothing())
		pass.ask()
		pass.ask()
		run(t, pass)
		require.Len(t, began(), 1)
	})
}

func TestAThousandChangesAreFewPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, madeRoot())
		pass, began := timed(20*time.Millisecond, w.resolver())
		run(t, pass)

		for i := range 1000 {
			require.NoError(t, w.client.Create(t.Context(), made("tenant-root", fmt.Sprintf("t%03d", i), v1alpha1.TenantSpec{})))
			pass.onChange().Create(t.Context(), event.CreateEvent{}, nil)
			time.Sleep(10 * time.Millisecond)
		}

		time.Sleep(maxRest)
		// They came in 10 s, and a pass of 20 ms rests for 180.
		require.InDelta(t, 50, len(began()), 2)

		_, isKnown := w.tree.get(types.NamespacedName{Namespace: "tenant-root", Name: "t999"})
		require.True(t, isKnown, "the last change is passed over too")

		before := len(began())

		time.Sleep(time.Minute)
		require.Len(t, began(), before, "nothing is polled")
	})
}

func TestAChangeDuringAPassIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass, began := timed(10*time.Second, nothing())
		run(t, pass)
		pass.ask()
		time.Sleep(5 * time.Second)
		pass.ask()
		pass.ask()
		time.Sleep(time.Minute)
		require.Len(t, began(), 2)
		require.Equal(t, 10*time.Second+maxRest, began()[1].Sub(began()[0]), "a slow pass does not make others wait for as long again")
	})
}

func TestAChangeAtTheRootReachesAThousandInOnePass(t *testing.T) {
	objects := []client.Object{madeRoot()}
	for i := range 1000 {
		objects = append(objects, made("tenant-root", fmt.Sprintf("t%03d", i), v1alpha1.TenantSpec{}))
	}

	w := newWorld(t, objects...)
	resolve := func() int {
		t.Helper()

		_, err := w.resolver().Reconcile(t.Context(), wholeTree())
		require.NoError(t, err)

		return len(asked(t, w.woken))
	}
	require.Equal(t, 1001, resolve())
	require.Zero(t, resolve())

	w.change("tenant-root", "root", func(spec *v1alpha1.TenantSpec) { spec.Etcd = true })
	require.Equal(t, 1001, resolve())
}
