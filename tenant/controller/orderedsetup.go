// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// newOrdered asks the manager's cluster what people ordered. Tenants that are being deleted are woken when something of theirs
// changes.
func newOrdered(mgr manager.Manager, shared *tree, woken *watch.Wakes[reconcile.Request]) (*ordered, error) {
	asked, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make a client for kinds: %w", err)
	}

	return &ordered{
		served:      func() ([]string, error) { return servedKinds(asked) },
		releaseKind: func() (schema.GroupVersionKind, bool, error) { return fluxKind(mgr.GetRESTMapper()) },
		live:        mgr.GetAPIReader(), informers: mgr.GetCache(),
		heard: func(namespace string) {
			if key, isDeleting := shared.deleting(namespace); isDeleting {
				woken.AddAfter(settleTime, reconcile.Request{NamespacedName: key})
			}
		},
	}, nil
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
