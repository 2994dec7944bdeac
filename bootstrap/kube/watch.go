// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Watch tells of one object whenever it appears or changes, until the one who is told says that it is enough. It ends with an error
// only with the context's end: a connection that breaks is made again.
func (c *Client) Watch(
	ctx context.Context, gvr schema.GroupVersionResource, namespace, name string, isEnough func(*unstructured.Unstructured) bool,
) error {
	one := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	in := c.Dynamic.Resource(gvr).Namespace(namespace)
	list := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListFunc: func(options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = one
			return in.List(ctx, options)
		},
		WatchFunc: func(options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = one
			return in.Watch(ctx, options)
		},
	}, c.Dynamic)
	_, err := watchtools.UntilWithSync(ctx, list, &unstructured.Unstructured{}, nil, func(event watch.Event) (bool, error) {
		object, is := event.Object.(*unstructured.Unstructured)
		if !is || event.Type == watch.Deleted || object.GetName() != name {
			return false, nil
		}
		return isEnough(object), nil
	})
	return err
}

// ConfigAt is the client's configuration with another address of the same API. Empty: its own.
func (c *Client) ConfigAt(host string) *rest.Config {
	config := rest.CopyConfig(c.Config)
	if host != "" {
		config.Host = host
	}
	return config
}
