// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

// deployment is one of Flux's, by somebody else, of which so many pods are available.
func deployment(namespace, name string, available int32) *appsv1.Deployment {
	one := int32(1)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{partOf: "flux"}},
		Spec:       appsv1.DeploymentSpec{Replicas: &one}, Status: appsv1.DeploymentStatus{AvailableReplicas: available},
	}
}

// coreAmong is a core of Flux alone, on a cluster with Flux's CRDs and these objects.
func coreAmong(t *testing.T, objects ...runtime.Object) (*Core, *Plan, *memoryHelm) {
	t.Helper()
	catalog, err := Load(Data())
	require.NoError(t, err)
	flux := *catalog.packages["flux"]
	cluster := newFakeCluster(t, ready)
	for _, crd := range flux.Provides {
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": crd.Name},
			"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
		}}
		require.NoError(t, cluster.client.Tracker().Create(definitions(), object, ""))
	}
	memory := newMemoryHelm(t)
	core := &Core{clients: clients{kube: fake.NewClientset(objects...), dynamic: cluster.client}, helm: memory.Helm}
	return core, &Plan{Platform: Generic, Packages: []Package{flux}, Core: []string{"flux"}}, memory
}

func statusAmong(t *testing.T, objects ...runtime.Object) PackageStatus {
	t.Helper()
	core, plan, _ := coreAmong(t, objects...)
	statuses, err := core.Status(t.Context(), plan)
	require.NoError(t, err)
	require.Len(t, statuses, 1)
	return statuses[0]
}

func TestCRDsAloneAreNoFlux(t *testing.T) {
	require.Equal(t, StateAbsent, statusAmong(t).State, "helm uninstall leaves them")
}

func TestAFluxIsWhatRuns(t *testing.T) {
	helm, source := deployment("gitops", "helm-controller", 1), deployment("gitops", "source-controller", 1)
	require.Equal(t, presentStatus(Package{Name: "flux"}, presence{there: true}), statusAmong(t, helm, source))

	other := deployment("kube-system", "helm-controller", 1) // such as that of k3s
	other.Labels = nil
	require.Equal(t, StateAbsent, statusAmong(t, other).State)
	gone := helm.DeepCopy()
	gone.DeletionTimestamp, gone.Finalizers = &metav1.Time{Time: time.Now()}, []string{"foregroundDeletion"}
	goneToo := source.DeepCopy()
	goneToo.DeletionTimestamp, goneToo.Finalizers = gone.DeletionTimestamp, gone.Finalizers
	require.Equal(t, StateAbsent, statusAmong(t, gone, goneToo).State)

	helm.Labels, source.Labels = nil, nil
	require.Equal(t, StatePresent, statusAmong(t, helm, source).State, "two of these names in one namespace are enough")
}

func TestAFluxThatDoesNotRunIsShown(t *testing.T) {
	helm, source := deployment("gitops", "helm-controller", 0), deployment("gitops", "source-controller", 1)
	status := statusAmong(t, helm, source)
	require.Equal(t, StatePresent, status.State)
	require.Equal(t, "installed by somebody else, and does not run", status.Message)
	require.Equal(t, "Deployment gitops/helm-controller: 0 of 1 pods are available", status.Object.String())

	none := int32(0)
	helm.Spec.Replicas = &none
	require.Equal(t, "Deployment gitops/helm-controller: it is scaled to no pods", statusAmong(t, helm, source).Object.String())
	require.Equal(t, "Deployment gitops/helm-controller: it does not exist", statusAmong(t, source).Object.String(), "two Flux would fight for sources")

	sound := []runtime.Object{deployment("second", "helm-controller", 1), deployment("second", "source-controller", 1)}
	require.Equal(t, FailingObject{}, statusAmong(t, append(sound, helm, source)...).Object, "one that runs does the work")
}

func TestAFluxOfOursIsNotSomebodyElses(t *testing.T) {
	core, plan, memory := coreAmong(t, deployment("cozy-fluxcd", "helm-controller", 1), deployment("cozy-fluxcd", "source-controller", 1))
	archive, err := charts(t).Archive("priority-classes")
	require.NoError(t, err)
	ours := classes(nil)
	ours.Release = "flux"
	_, err = memory.InstallOrUpgrade(t.Context(), ours, archive, true, time.Minute)
	require.NoError(t, err)
	found, err := core.presence(t.Context(), plan.Packages[0])
	require.NoError(t, err)
	require.False(t, found.there)
}

func TestAFluxThatDoesNotRunIsWaitedForAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, plan, _ := coreAmong(t, deployment("gitops", "helm-controller", 0), deployment("gitops", "source-controller", 1))
		began := time.Now()
		var heard []PackageStatus
		err := core.Install(t.Context(), plan, func(s PackageStatus) { heard = append(heard, s) })
		idle := (*NotRunningError)(nil)
		require.ErrorAs(t, err, &idle)
		require.EqualError(t, err, "install package flux: somebody else has installed it, and after 2m0s it does not run: "+
			"Deployment gitops/helm-controller: 0 of 1 pods are available")
		require.Contains(t, idle.Hint(), "kubectl -n gitops describe deployment helm-controller")
		require.InDelta(t, presenceTimeout, time.Since(began), float64(5*time.Second))
		require.Equal(t, StateWaiting, heard[0].State)
		require.Equal(t, "Deployment gitops/helm-controller: 0 of 1 pods are available", heard[0].Object.String())
		require.Len(t, heard, 2, "it is said once, until something is new")
		require.Equal(t, StateFailed, heard[1].State)
	})
}

func TestAFluxThatBeginsToRunIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, plan, _ := coreAmong(t, deployment("gitops", "helm-controller", 0), deployment("gitops", "source-controller", 1))
		time.AfterFunc(time.Minute, func() {
			_, err := core.kube.AppsV1().Deployments("gitops").UpdateStatus(t.Context(), deployment("gitops", "helm-controller", 1), metav1.UpdateOptions{})
			require.NoError(t, err)
		})
		var last PackageStatus
		require.NoError(t, core.Install(t.Context(), plan, func(s PackageStatus) { last = s }))
		require.Equal(t, presentStatus(Package{Name: "flux"}, presence{there: true}), last)
	})
}

func TestAWaitForAFluxEndsWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, plan, _ := coreAmong(t, deployment("gitops", "helm-controller", 0), deployment("gitops", "source-controller", 1))
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("interrupted by a person")
		time.AfterFunc(time.Second, func() { cancel(stop) })
		err := core.Install(ctx, plan, nil)
		require.ErrorIs(t, err, stop)
		require.ErrorContains(t, err, "Deployment gitops/helm-controller: 0 of 1 pods are available")
	})
}
