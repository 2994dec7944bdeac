// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"errors"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// serve takes a kind that the API server serves into service, or what changed about it.
func (w *world) serve(ctx context.Context, one kind) error {
	// Known first: what is woken is looked up.
	before, wasServed := w.kinds.get(one.name)
	w.kinds.put(one)

	var (
		isNew  bool
		failed error
	)

	add := func(to *watches, in watch.Informers, object client.Object, heard func(was, is client.Object)) {
		isAdded, err := to.add(ctx, in, object, heard)
		isNew, failed = isNew || isAdded, errors.Join(failed, err)
	}

	// What belongs to objects first, as they are judged by it. Whatever is missing of it, objects must be let go.
	for _, gvk := range belongingKinds(one) {
		add(&w.watches, w.belongings, watch.Object(gvk), w.belongingChanged)
	}

	add(&w.strangerWatches, w.strangers, watch.Metadata(releaseKind()), w.releaseGone)
	add(&w.watches, w.objects, one.object(), w.objectChanged(one.name))

	if isNew || !wasServed || !reflect.DeepEqual(before.definition, one.definition) {
		w.waves.Add(wave{kind: one.name})
	}

	return failed
}

// belongingKinds are the kinds to be watched for what belongs to objects of a kind.
func belongingKinds(one kind) []schema.GroupVersionKind {
	all := []schema.GroupVersionKind{releaseKind()}
	for _, judge := range one.health {
		all = append(all, judge.gvk)
	}

	return all
}

// withdraw takes a kind out of service that the API server serves no more.
func (w *world) withdraw(ctx context.Context, one kind) error {
	w.kinds.drop(one.name)

	if err := w.watches.remove(ctx, w.objects, one.gvk()); err != nil {
		return err
	}

	if service, isService := tenant.ServiceOf(one.name); isService {
		w.wakeUsers(application.Provider{Service: service})
	}

	return nil
}

// objectChanged wakes an application that changed, and whoever it concerns.
func (w *world) objectChanged(name string) func(was, is client.Object) {
	return func(was, is client.Object) {
		before, now := watch.Fields(was), watch.Fields(is)

		present := now
		if present == nil {
			present = before
		}

		w.applications.Add(request{kind: name, key: client.ObjectKeyFromObject(present)})

		if !reflect.DeepEqual(credentialsOf(before), credentialsOf(now)) {
			w.namespaces.Add(named(present.GetNamespace()))
		}

		if service, isService := tenant.ServiceOf(name); isService {
			w.serviceChanged(service, before, now)
		}
	}
}

// releaseGone wakes the applications that wait for the name of a HelmRelease that is gone. There need be none.
func (w *world) releaseGone(was, is client.Object) {
	if is == nil {
		w.waves.Add(wave{namespace: was.GetNamespace(), release: was.GetName()})
	}
}

// belongingChanged wakes the application that an object belongs to.
func (w *world) belongingChanged(was, is client.Object) {
	if was != nil && was.GetObjectKind().GroupVersionKind() == releaseKind() {
		w.releaseGone(was, is)
	}

	for _, object := range []client.Object{was, is} {
		if object == nil {
			continue
		}

		labels := object.GetLabels()
		if labels[application.LabelGroup] != v1alpha1.GroupVersion.Group {
			continue
		}

		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = labels[LabelNamespace]
		}

		w.applications.Add(request{
			kind: labels[application.LabelKind],
			key:  types.NamespacedName{Namespace: namespace, Name: labels[application.LabelName]},
		})
	}
}
