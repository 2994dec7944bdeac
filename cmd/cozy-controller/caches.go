// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/cozystack/cozy-install/tenant/controller"
)

// sharedKinds are the namespaced kinds that the controller makes objects of, as others do.
func sharedKinds() []client.Object {
	return []client.Object{
		&corev1.ServiceAccount{}, &rbacv1.Role{}, &rbacv1.RoleBinding{}, &corev1.ResourceQuota{}, &corev1.LimitRange{}, &networkingv1.NetworkPolicy{},
	}
}

// sharedClusterKinds are those without namespaces.
func sharedClusterKinds() []client.Object {
	return []client.Object{&rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{}}
}

// cacheOptions keeps only what the controller made of kinds that others make too: a cluster may hold tens of thousands. Errors
// of lists and watches are told, too.
func cacheOptions(heard func(error)) (cache.Options, error) {
	ours := cache.ByObject{Label: labels.SelectorFromSet(controller.ManagedLabels())}
	options := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(), ByObject: map[client.Object]cache.ByObject{},
		DefaultWatchErrorHandler: func(ctx context.Context, r *toolscache.Reflector, err error) {
			heard(err)
			toolscache.DefaultWatchErrorHandler(ctx, r, err)
		},
	}

	for _, object := range slices.Concat(sharedKinds(), sharedClusterKinds()) {
		options.ByObject[object] = ours
	}

	volumes, err := controller.VolumeSelector()
	if err != nil {
		return cache.Options{}, fmt.Errorf("restrict the cache: %w", err)
	}

	options.ByObject[&corev1.PersistentVolumeClaim{}] = cache.ByObject{Label: volumes}

	return options, nil
}

// newMapper knows the shared kinds by itself, since the cache asks for them before the cluster may answer. All else it
// asks the cluster.
func newMapper(scheme *runtime.Scheme) func(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	return func(cluster *rest.Config, http *http.Client) (meta.RESTMapper, error) {
		known := meta.NewDefaultRESTMapper(nil)

		for scope, objects := range map[meta.RESTScope][]client.Object{
			meta.RESTScopeNamespace: append(sharedKinds(), &corev1.PersistentVolumeClaim{}),
			meta.RESTScopeRoot:      sharedClusterKinds(),
		} {
			for _, object := range objects {
				kind, err := apiutil.GVKForObject(object, scheme)
				if err != nil {
					return nil, fmt.Errorf("find a kind: %w", err)
				}

				known.Add(kind, scope)
			}
		}

		asked, err := apiutil.NewDynamicRESTMapper(cluster, http)
		if err != nil {
			return nil, fmt.Errorf("make a mapper of kinds: %w", err)
		}

		return meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{known, asked}}, nil
	}
}
