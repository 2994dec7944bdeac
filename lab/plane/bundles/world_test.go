// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/plane"
)

// patience is how long any one thing may take. It is long because a test machine is slow, not because the product is.
const patience = 2 * time.Minute

var helmReleases = schema.GroupVersionResource{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"}

// world is a plane with three nodes, and a server of charts where the controller's would be.
type world struct {
	plane       *plane.Plane
	config      *rest.Config
	kube        kubernetes.Interface
	dynamic     dynamic.Interface
	shelf       *shelf
	chartSource string                // serves stand-ins for charts that are not ours, see standIn; empty: they can't be had
	served      atomic.Pointer[shelf] // by the server of charts
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, netip.AddrFrom4([4]byte{10, 77, 0, 11}))
}

// newWorldAt has its nodes from an address on.
func newWorldAt(t *testing.T, address netip.Addr) *world {
	t.Helper()
	w := &world{plane: plane.Start(t)}
	w.config = w.plane.RESTConfig()
	w.config.QPS = -1 // the tests look at everything
	var err error
	w.kube, err = kubernetes.NewForConfig(w.config)
	require.NoError(t, err)
	w.dynamic, err = dynamic.NewForConfig(w.config)
	require.NoError(t, err)
	w.stock(t, firstEdition)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/charts", w.served.Load().charts).ServeHTTP(out, r)
	}))
	t.Cleanup(server.Close)
	require.NoError(t, w.plane.RouteService("cozy-system", "cozy-controller", 80, server.Listener.Addr().String()))
	for i := range 3 {
		require.NoError(t, w.plane.RegisterNode(t.Context(), plane.NodeSpec{
			Name: fmt.Sprintf("node%d", i), InternalIP: address, Role: plane.ControlPlane,
			TalosVersion: "v1.13.9", KubernetesVersion: "v1.34.4",
		}))
		address = address.Next()
	}
	return w
}

// stock puts an edition of the charts on the shelf and serves it.
func (w *world) stock(t *testing.T, edition string) {
	t.Helper()
	var err error
	w.shelf, err = newShelf(edition)
	require.NoError(t, err)
	w.shelf.source = w.chartSource
	w.served.Store(w.shelf)
}

func (w *world) plan(t *testing.T, bundle string, values map[string]map[string]any) *bundles.Plan {
	t.Helper()
	plan, err := w.shelf.plan(t.Context(), bundle, values)
	require.NoError(t, err)
	return plan
}

// installCore returns what was reported.
func (w *world) installCore(t *testing.T, plan *bundles.Plan) *reports {
	t.Helper()
	core, err := w.shelf.core(w.config)
	require.NoError(t, err)
	heard := &reports{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, core.Install(ctx, plan, heard.hear))
	return heard
}

func (w *world) coreStates(t *testing.T, plan *bundles.Plan) map[string]bundles.State {
	t.Helper()
	core, err := w.shelf.core(w.config)
	require.NoError(t, err)
	statuses, err := core.Status(t.Context(), plan)
	require.NoError(t, err)
	return byName(statuses)
}

func (w *world) flux(t *testing.T) *bundles.Flux {
	t.Helper()
	flux, err := bundles.NewFlux(w.config, w.shelf.shelf(), "")
	require.NoError(t, err)
	return flux
}

// installRest returns what was reported.
func (w *world) installRest(t *testing.T, plan *bundles.Plan) *reports {
	t.Helper()
	heard := &reports{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, w.flux(t).Install(ctx, plan, heard.hear))
	return heard
}

func (w *world) restStates(t *testing.T, plan *bundles.Plan) map[string]bundles.State {
	t.Helper()
	statuses, err := w.flux(t).Status(t.Context(), plan)
	require.NoError(t, err)
	return byName(statuses)
}

func byName(statuses []bundles.PackageStatus) map[string]bundles.State {
	out := map[string]bundles.State{}
	for _, one := range statuses {
		out[one.Name] = one.State
	}
	return out
}

// history is the state of each revision of a Helm release that the cluster keeps.
func (w *world) history(t *testing.T, namespace, release string) map[int]string {
	t.Helper()
	list, err := w.kube.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "owner=helm,name=" + release})
	require.NoError(t, err)
	out := map[int]string{}
	for _, one := range list.Items {
		revision, err := strconv.Atoi(one.Labels["version"])
		require.NoError(t, err)
		out[revision] = one.Labels["status"]
	}
	return out
}

// cordon keeps new pods from every node, so that nothing new becomes ready; or lets them go there again.
func (w *world) cordon(t *testing.T, closed bool) {
	t.Helper()
	for i := range 3 {
		_, err := w.kube.CoreV1().Nodes().Patch(t.Context(), fmt.Sprintf("node%d", i), types.MergePatchType,
			fmt.Appendf(nil, `{"spec": {"unschedulable": %t}}`, closed), metav1.PatchOptions{})
		require.NoError(t, err)
	}
}

// reports collects what an installer reports.
type reports struct {
	lock sync.Mutex
	all  []bundles.PackageStatus
}

func (r *reports) hear(s bundles.PackageStatus) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.all = append(r.all, s)
}

// last is the newest word about a package.
func (r *reports) last(name string) bundles.PackageStatus {
	r.lock.Lock()
	defer r.lock.Unlock()
	for i := len(r.all) - 1; i >= 0; i-- {
		if r.all[i].Name == name {
			return r.all[i]
		}
	}
	return bundles.PackageStatus{}
}
