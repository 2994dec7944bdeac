// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// ChartLabel marks the ConfigMaps whose charts the controller serves beside our own. Its value is the chart's name.
	ChartLabel = "cozystack.io/chart"
	// ChartKey is the packed chart in such a ConfigMap's binaryData.
	ChartKey = "chart.tgz"

	// sourceAnnotation says what such a chart was made of.
	sourceAnnotation = "cozystack.io/chart-source"
)

// publishWrapped puts the charts made of plain manifests where the controller serves them: a ConfigMap each. What is there
// already is not downloaded again.
func publishWrapped(ctx context.Context, client kubernetes.Interface, shelf *Shelf, packages []Package) error {
	for _, p := range packages {
		if len(p.Chart.Manifests) == 0 {
			continue
		}
		if err := publishOne(ctx, client, shelf, p); err != nil {
			return fmt.Errorf("publish the chart of package %s: %w", p.Name, err)
		}
	}
	return nil
}

func publishOne(ctx context.Context, client kubernetes.Interface, shelf *Shelf, p Package) error {
	source, err := json.Marshal(p.Chart)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(append(source, p.Namespace...))
	mark, name := hex.EncodeToString(sum[:]), "chart-"+p.Chart.Name
	maps := client.CoreV1().ConfigMaps(ChartsNamespace)
	there, err := maps.Get(ctx, name, metav1.GetOptions{})
	if err == nil && there.Annotations[sourceAnnotation] == mark {
		return nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	archive, err := shelf.Archive(ctx, p)
	if err != nil {
		return err
	}
	object := applycore.ConfigMap(name, ChartsNamespace).
		WithLabels(map[string]string{ChartLabel: p.Chart.Name, managedBy: fieldManager}).
		WithAnnotations(map[string]string{sourceAnnotation: mark}).
		WithBinaryData(map[string][]byte{ChartKey: archive})
	return persist(ctx, func(ctx context.Context) error {
		_, err := maps.Apply(ctx, object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return err
	})
}
