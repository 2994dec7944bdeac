// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// answers are what applications say of cluster services.
type answers struct {
	// uses are those that applications say they use, by the namespace of the applications.
	uses map[string][]tenant.Usage
	// etcds are the namespaces with an etcd, also one that is to go.
	etcds map[string]bool
	// read are the kinds whose objects were looked at, and unread the names of the CRDs of the others.
	read   []schema.GroupVersionKind
	unread []string
}

// applicationUses asks all applications that can be read.
func applicationUses(ctx context.Context, served *kinds, objects client.Reader) (answers, error) {
	if err := served.learn(ctx); err != nil {
		return answers{}, err
	}

	// A kind that goes while its cache is waited for would keep the whole tree waiting.
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()

	found := answers{uses: map[string][]tenant.Usage{}, etcds: map[string]bool{}}
	found.read, found.unread = served.applications()

	for _, kind := range found.read {
		list := watch.List(kind)

		// They are only read: a copy of ten thousand would cost more than the pass.
		if err := objects.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return answers{}, fmt.Errorf("list objects of kind %s: %w", kind.Kind, err)
		}

		for i := range list.Items {
			namespace := list.Items[i].GetNamespace()
			found.uses[namespace] = append(found.uses[namespace], usesOf(&list.Items[i])...)

			if kind == serviceKind(tenant.Etcd) && list.Items[i].GetName() == tenant.Etcd.String() {
				found.etcds[namespace] = true
			}
		}
	}

	return found, nil
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
