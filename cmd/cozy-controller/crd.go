// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	kindwatch "github.com/cozystack/cozy-install/tenant/controller/watch"
)

// waitForCRD watches the CRD of that name until the API server serves its kind, and no longer than the timeout; zero is no
// limit. Permission to list and watch that one name is enough. It tells ready what it waits for.
func waitForCRD(ctx context.Context, client dynamic.Interface, name string, timeout time.Duration, ready *readiness) error {
	ready.asks(name)

	parent := ctx

	if timeout > 0 {
		var cancel context.CancelFunc

		ctx, cancel = context.WithTimeout(ctx, timeout)

		defer cancel()
	}

	crds := client.Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
	})
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()

	var last error // of the list or watch, which are tried again: the reason if time runs out

	remember := func(err error) error {
		if err != nil && ctx.Err() == nil {
			last = err
			ready.heard(err)
		}

		return err
	}
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = only
			list, err := crds.List(ctx, o)

			return list, remember(err)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = only
			events, err := crds.Watch(ctx, o)

			return events, remember(err)
		},
	}

	lists := cache.ToListWatcherWithWatchListSemantics(source, client)

	answered := func(there cache.Store) (bool, error) {
		for _, object := range there.List() {
			if crd, isObject := object.(*unstructured.Unstructured); isObject && isEstablished(crd) {
				return true, nil
			}
		}

		ready.rests()

		return false, nil
	}

	_, err := watchtools.UntilWithSync(ctx, lists, &unstructured.Unstructured{}, answered, func(event watch.Event) (bool, error) {
		return isEstablished(event.Object), nil
	})

	switch {
	case err == nil:
		return nil
	case parent.Err() != nil:
		return context.Cause(parent)
	case apierrors.IsForbidden(last):
		return fmt.Errorf("wait for the custom resource definition %s: %w; the ClusterRole of chart cozy-controller allows it", name, last)
	}

	return fmt.Errorf("wait for the custom resource definition %s: not established within %s; it is part of chart tenant-api: %w",
		name, timeout, errors.Join(context.DeadlineExceeded, last))
}

// isEstablished reads the condition of that name.
func isEstablished(object runtime.Object) bool {
	crd, isObject := object.(*unstructured.Unstructured)
	if !isObject {
		return false
	}

	established := kindwatch.Condition(crd, "Established")

	return established != nil && established.Status == metav1.ConditionTrue
}
