// SPDX-License-Identifier: Apache-2.0

// Package owncharts has what our own charts make, for planes on which the programs themselves run beside the cluster, and the
// controller for those that play its pods.
package owncharts

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

// kubernetesVersion is what charts are rendered for.
const kubernetesVersion = "v1.34.4"

// Objects are those of a chart with its default values, but for what would run in pods and the Services before it.
func Objects(ctx context.Context, own *manifests.Repository, chart, namespace string) ([]*unstructured.Unstructured, error) {
	version, err := own.Version(chart)
	if err != nil {
		return nil, err
	}

	archive, err := own.Archive(chart)
	if err != nil {
		return nil, err
	}

	objects, err := bundles.Render(ctx, bundles.Package{
		Name: chart, Release: chart, Namespace: namespace, Chart: bundles.Chart{Embedded: chart, Version: version},
	}, archive, kubernetesVersion)

	return slices.DeleteFunc(objects, func(object *unstructured.Unstructured) bool {
		return object.GetKind() == "Deployment" || object.GetKind() == "Service"
	}), err
}
