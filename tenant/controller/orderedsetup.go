// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// newOrdered asks the manager's cluster what people ordered. The source wakes tenants that are being deleted when something of
// theirs changes.
func newOrdered(mgr manager.Manager, shared *tree) (*ordered, *wakeups, error) {
	asked, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, nil, fmt.Errorf("make a client for kinds: %w", err)
	}

	woken := &wakeups{}

	return &ordered{
		served:      func() ([]string, error) { return servedKinds(asked) },
		releaseKind: func() (schema.GroupVersionKind, bool, error) { return fluxKind(mgr.GetRESTMapper()) },
		live:        mgr.GetAPIReader(), watch: mgr.GetCache(),
		heard: func(namespace string) {
			if key, isDeleting := shared.deleting(namespace); isDeleting {
				woken.add(reconcile.Request{NamespacedName: key})
			}
		},
	}, woken, nil
}

// servedKinds are the kinds of apps.cozystack.io, those of applications among them.
func servedKinds(asked discovery.ServerResourcesInterface) ([]string, error) {
	found, err := asked.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if apierrors.IsNotFound(err) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("ask for the kinds of %s: %w", v1alpha1.GroupVersion, err)
	}

	var kinds []string

	for _, resource := range found.APIResources {
		if !strings.Contains(resource.Name, "/") { // no subresource
			kinds = append(kinds, resource.Kind)
		}
	}

	return kinds, nil
}

// fluxKind is the kind of Helm releases in the version that the cluster prefers.
func fluxKind(mapper meta.RESTMapper) (schema.GroupVersionKind, bool, error) {
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease"})
	if meta.IsNoMatchError(err) {
		return schema.GroupVersionKind{}, false, nil
	}

	if err != nil {
		return schema.GroupVersionKind{}, false, fmt.Errorf("ask for the kind of Helm releases: %w", err)
	}

	return mapping.GroupVersionKind, true, nil
}

// settleTime is how long changes of what a tenant has are collected before it is looked at: a namespace with fifty applications
// is not asked for them fifty times.
const settleTime = 100 * time.Millisecond

// wakeups is a source of requests made by hand. Those made before its controller starts are lost: it looks at everybody then.
type wakeups struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// Start makes it a source of controller-runtime.
func (w *wakeups) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.queue = queue

	return nil
}

func (w *wakeups) add(request reconcile.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.queue != nil {
		w.queue.AddAfter(request, settleTime)
	}
}
