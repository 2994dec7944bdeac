// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// plural is that of the kind which runs a service.
func plural(service tenant.Service) string {
	switch service {
	case tenant.Ingress, tenant.SeaweedFS:
		return service.String() + "es"
	case tenant.Etcd, tenant.Monitoring:
	}

	return service.String() + "s"
}

// serveServices makes the kinds of services known, with specs that may hold anything: nobody but the test acts on them.
func (w *world) serveServices(t *testing.T) {
	t.Helper()

	for _, service := range tenant.Services() {
		anything := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
		crd := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": plural(service) + ".apps.cozystack.io"},
			"spec": map[string]any{
				"group": "apps.cozystack.io", "scope": "Namespaced",
				"names": map[string]any{"kind": service.Kind(), "plural": plural(service), "singular": service.String()},
				"versions": []any{map[string]any{
					"name": "v1alpha1", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
					"schema": map[string]any{"openAPIV3Schema": map[string]any{
						"type": "object", "properties": map[string]any{"spec": anything, "status": anything},
					}},
				}},
			},
		}}
		require.NoError(t, w.client.Create(t.Context(), crd))
	}
}

// inHaste is the same world, whose client does not hold itself back.
func (w *world) inHaste(t *testing.T) *world {
	t.Helper()

	config := rest.CopyConfig(w.plane.RESTConfig())
	config.QPS = -1
	hasty := *w

	var err error

	hasty.client, err = client.New(config, client.Options{Scheme: w.client.Scheme()})
	require.NoError(t, err)

	return &hasty
}

// service is nil where its object is not there.
func (w *world) service(t *testing.T, namespace string, service tenant.Service) *unstructured.Unstructured {
	t.Helper()

	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(service.Kind()))

	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: service.String()}, found)
	if apierrors.IsNotFound(err) {
		return nil
	}

	require.NoError(t, err)

	return found
}

// saysReady does what the controller of applications would.
func (w *world) saysReady(t *testing.T, namespace string, service tenant.Service) {
	t.Helper()

	object := w.service(t, namespace, service)
	object.Object["status"] = map[string]any{"conditions": []any{map[string]any{
		"type": "Ready", "status": "True", "reason": "Ready", "message": "", "observedGeneration": object.GetGeneration(),
	}}}
	require.NoError(t, w.client.Status().Update(t.Context(), object))
}

func (w *world) saved(t *testing.T, namespace string) (names []string) {
	t.Helper()

	var list corev1.ConfigMapList
	require.NoError(t, w.client.List(t.Context(), &list, client.InNamespace(namespace)))

	for i := range list.Items {
		if strings.HasSuffix(list.Items[i].Name, "-saved") {
			names = append(names, list.Items[i].Name)
		}
	}

	return names
}

func (w *world) annotate(t *testing.T, namespace, name string, annotations map[string]string) {
	t.Helper()

	one := w.get(t, namespace, name)
	before := one.DeepCopy()

	if one.Annotations == nil {
		one.Annotations = map[string]string{}
	}

	maps.Copy(one.Annotations, annotations)
	require.NoError(t, w.client.Patch(t.Context(), one, client.MergeFrom(before)))
}

// orders are all orders of the services.
func orders(of [tenant.ServiceCount]tenant.Service) [][]tenant.Service {
	var all [][]tenant.Service

	var add func(chosen []tenant.Service)

	add = func(chosen []tenant.Service) {
		if len(chosen) == len(of) {
			all = append(all, slices.Clone(chosen))
		}

		for _, service := range of {
			if !slices.Contains(chosen, service) {
				add(append(slices.Clone(chosen), service))
			}
		}
	}
	add(nil)

	return all
}
