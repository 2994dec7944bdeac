// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/application"
)

// isWhole says whether all kinds are known that had been published when this process started. Before that, credentials of a
// kind would count as handed out no more, and its services as run by nobody. Once true it stays so; whoever did nothing
// meanwhile is woken by a wave.
func (w *world) isWhole(ctx context.Context) (bool, error) {
	if w.kinds.isWhole() {
		return true, nil
	}

	var made metav1.PartialObjectMetadataList

	made.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))

	if err := w.client.List(ctx, &made, client.MatchingLabels{labelManagedBy: FieldManager}, client.HasLabels{application.LabelDefinition}); err != nil {
		return false, fmt.Errorf("list the kinds of applications: %w", err)
	}

	owners := make([]string, 0, len(made.Items))
	for i := range made.Items {
		owners = append(owners, made.Items[i].Labels[application.LabelDefinition])
	}

	isWhole, isNew := w.kinds.makeWhole(owners)
	if isNew {
		w.waves.Add(wave{})
	}

	return isWhole, nil
}

// seesServices says whether what runs the services that objects of a kind use can be seen. Nobody runs one whose kind is not
// published, which is seen as well. A wave wakes the objects when it turns true.
func (w *world) seesServices(one kind) bool {
	for _, service := range tenant.Services() {
		if !slices.Contains(application.WaitedFor(one.definition), service.String()) {
			continue
		}

		runs, isServed := w.kinds.get(service.Kind())
		if isServed && !w.watches.isFilled(runs.gvk()) {
			return false
		}
	}

	return true
}

// saw notes that the definition of that name, and what was made for it, was looked at.
func (k *kinds) saw(definition string) {
	k.mu.Lock()
	defer k.mu.Unlock()

	if k.seen == nil {
		k.seen = map[string]bool{}
	}

	k.seen[definition] = true
}

func (k *kinds) isWhole() bool {
	k.mu.RLock()
	defer k.mu.RUnlock()

	return k.whole
}

// makeWhole says whether all these definitions were looked at, and whether that is news.
func (k *kinds) makeWhole(definitions []string) (isWhole, isNew bool) {
	k.mu.Lock()
	defer k.mu.Unlock()

	if k.whole {
		return true, false
	}

	k.whole = !slices.ContainsFunc(definitions, func(name string) bool { return !k.seen[name] })

	return k.whole, k.whole
}
