// SPDX-License-Identifier: Apache-2.0

package watch

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Object is an empty object of a kind.
func Object(kind schema.GroupVersionKind) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)

	return object
}

// List is an empty list of objects of a kind.
func List(kind schema.GroupVersionKind) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(listKind(kind))

	return list
}

// Metadata is that of an empty object of a kind.
func Metadata(kind schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(kind)

	return object
}

// MetadataList is an empty list of the metadata of objects of a kind.
func MetadataList(kind schema.GroupVersionKind) *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(listKind(kind))

	return list
}

func listKind(kind schema.GroupVersionKind) schema.GroupVersionKind {
	return kind.GroupVersion().WithKind(kind.Kind + "List")
}

// Fields gives an object of a cache of unstructured ones as that. Nil: it is none.
func Fields(object client.Object) *unstructured.Unstructured {
	fields, _ := object.(*unstructured.Unstructured)

	return fields
}

// Handler has heard called with each object of a kind as it was and is: at the beginning, and after it was made, it was nil, and
// after it was deleted it is nil. One of them is there.
func Handler(heard func(was, is client.Object)) toolscache.ResourceEventHandler {
	tell := func(was, is client.Object) {
		if was != nil || is != nil {
			heard(was, is)
		}
	}

	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(is any) { tell(nil, object(is)) },
		UpdateFunc: func(was, is any) { tell(object(was), object(is)) },
		DeleteFunc: func(was any) { tell(object(was), nil) },
	}
}

// object is what a cache tells of, also where it was deleted while the watch was interrupted. Nil: it is none.
func object(of any) client.Object {
	if gone, isGone := of.(toolscache.DeletedFinalStateUnknown); isGone {
		of = gone.Obj
	}

	is, _ := of.(client.Object) // the caches hold nothing else

	return is
}
