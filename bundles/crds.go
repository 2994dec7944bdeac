// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// applyCRDs applies the CRDs of the chart's own directory, which Helm makes when it installs and never touches again: an upgrade
// would leave programs with the kinds of an earlier version. Flux does the same, as CreateReplace. One that the chart has no more
// stays, since its objects would go with it.
func (r revision) applyCRDs(ctx context.Context) error {
	if r.crds == nil {
		return nil
	}
	var all []*unstructured.Unstructured
	for _, file := range r.chart.CRDObjects() {
		found, err := objectsOf(string(file.File.Data))
		if err != nil {
			return fmt.Errorf("%s: %w", file.Filename, err)
		}
		for _, definition := range found {
			annotations := definition.GetAnnotations()
			put(&annotations, helmName, r.of.Release) // whose it is: Helm does not say so of these
			put(&annotations, helmNamespace, r.of.Namespace)
			definition.SetAnnotations(annotations)
			all = append(all, definition)
		}
	}
	for _, step := range []func(context.Context, dynamic.Interface, *unstructured.Unstructured) error{applyCRD, awaitEstablished} {
		for _, definition := range all {
			if err := step(ctx, r.crds, definition); err != nil {
				return fmt.Errorf("apply CRD %s: %w", definition.GetName(), err)
			}
		}
	}
	return nil
}

// applyCRD owns the definition as a whole: its versions are one list that is replaced.
func applyCRD(ctx context.Context, client dynamic.Interface, definition *unstructured.Unstructured) error {
	definition, err := toApply(definition)
	if err != nil {
		return err
	}
	return persist(ctx, func(ctx context.Context) error {
		_, err := client.Resource(definitions()).Apply(ctx, definition.GetName(), definition,
			metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return err
	})
}

var errNotEstablished = errors.New("it is not established: the API server does not serve it")

// awaitEstablished waits for as long as for an API server that is away: it takes milliseconds.
func awaitEstablished(ctx context.Context, client dynamic.Interface, definition *unstructured.Unstructured) error {
	return persist(ctx, func(ctx context.Context) error {
		established, err := isEstablished(ctx, client, definition.GetName())
		if err == nil && !established {
			err = errNotEstablished
		}
		return err
	})
}
