// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// applicationUses are the cluster services that applications say they use, by the namespace of the applications, and the namespaces
// with an etcd, also one that is to go.
func applicationUses(
	ctx context.Context, served *kinds, objects client.Reader,
) (uses map[string][]tenant.Usage, etcds map[string]bool, err error) {
	if err := served.learn(ctx); err != nil {
		return nil, nil, err
	}

	// A kind that goes while its cache is waited for would keep the whole tree waiting.
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()

	uses, etcds = map[string][]tenant.Usage{}, map[string]bool{}

	for _, kind := range served.applications() {
		list := watch.List(kind)

		// They are only read: a copy of ten thousand would cost more than the pass.
		if err := objects.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return nil, nil, fmt.Errorf("list objects of kind %s: %w", kind.Kind, err)
		}

		for i := range list.Items {
			namespace := list.Items[i].GetNamespace()
			uses[namespace] = append(uses[namespace], usesOf(&list.Items[i])...)

			if kind == serviceKind(tenant.Etcd) && list.Items[i].GetName() == tenant.Etcd.String() {
				etcds[namespace] = true
			}
		}
	}

	return uses, etcds, nil
}

// usesOf are the services that an application says it uses. It may be nil.
func usesOf(object *unstructured.Unstructured) []tenant.Usage {
	if object == nil {
		return nil
	}

	providers, _, err := unstructured.NestedStringMap(object.Object, "status", "services")
	if err != nil {
		return nil
	}

	var uses []tenant.Usage

	for _, service := range tenant.Services() {
		if provider := providers[service.String()]; provider != "" {
			uses = append(uses, tenant.Usage{Name: object.GetKind() + "/" + object.GetName(), Service: service, Provider: provider})
		}
	}

	return uses
}
