// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Annotations that Helm gives every object of a release.
const (
	helmName      = "meta.helm.sh/release-name"
	helmNamespace = "meta.helm.sh/release-namespace"
)

// releaseContent is what a Helm release consists of.
type releaseContent struct {
	objects  []*unstructured.Unstructured // as rendered: without a namespace where the release's own is meant
	ownKinds []string                     // CRDs in the chart's crds directory, which Helm never deletes
	values   map[string]any
}

// content reads the newest revision of a release; it is empty if there is none.
func (h *Helm) content(ctx context.Context, name, namespace string) (out releaseContent, err error) {
	_, last, err := h.newest(ctx, name, namespace)
	if last == nil || err != nil {
		return out, err
	}
	out.values = last.Config
	if out.objects, err = objectsOf(last.Manifest); err != nil {
		return out, fmt.Errorf("helm release %s/%s: %w", namespace, name, err)
	}
	for _, file := range last.Chart.CRDObjects() {
		definitions, err := objectsOf(string(file.File.Data))
		if err != nil {
			return out, fmt.Errorf("helm release %s/%s: %s: %w", namespace, name, file.Filename, err)
		}
		for _, definition := range definitions {
			out.ownKinds = append(out.ownKinds, definition.GetName())
		}
	}
	return out, nil
}

// rewrite changes what the newest revision of a release is said to consist of. No release: nothing is changed.
func (h *Helm) rewrite(ctx context.Context, name, namespace string, change func(manifest string) (string, error)) error {
	cfg, last, err := h.newest(ctx, name, namespace)
	if last == nil || err != nil {
		return err
	}
	if last.Manifest, err = change(last.Manifest); err != nil {
		return err
	}
	return cfg.Releases.Update(last)
}

// volumes are the PersistentVolumeClaims that go with the release, as namespace/name.
func (c releaseContent) volumes(namespace string) []string {
	var out []string
	for _, object := range c.objects {
		if object.GetKind() == "PersistentVolumeClaim" && !isKept(object) {
			out = append(out, inNamespace(object, namespace)+"/"+object.GetName())
		}
	}
	return out
}

// isKept reports whether Helm leaves an object where it is when its release is uninstalled.
func isKept(object *unstructured.Unstructured) bool {
	return object.GetAnnotations()["helm.sh/resource-policy"] == "keep"
}

func inNamespace(object *unstructured.Unstructured, fallback string) string {
	if namespace := object.GetNamespace(); namespace != "" {
		return namespace
	}
	return fallback
}
