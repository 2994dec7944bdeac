// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// wrap makes a chart of plain manifests, so that one engine installs everything: its files by their paths. CRDs go
// where Helm installs them first and never removes them. Namespaces are left out, since a plan makes its own with the
// labels they need; what is meant for a namespace other than the package's is an error, unless it is kube-system, where
// rights to read the API server's settings are given.
func wrap(p Package, manifests [][]byte) (map[string][]byte, error) {
	w := &wrapping{of: p, files: map[string][]byte{}, kept: map[string]*corev1.ConfigMap{}}
	for i, manifest := range manifests {
		if err := w.add(p.Chart.Manifests[i], manifest); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Chart.Manifests[i].URL, err)
		}
	}
	if err := w.addKept(); err != nil {
		return nil, err
	}
	if w.objects == 0 && w.crds == 0 {
		return nil, fmt.Errorf("manifests of package %s: no object in them", p.Name)
	}
	meta, err := yaml.Marshal(map[string]any{
		"apiVersion": "v2", "name": p.Chart.Name, "version": p.Chart.Version, "appVersion": p.Chart.Version, "description": p.Title,
	})
	if err != nil {
		return nil, err
	}
	w.files["Chart.yaml"], w.files["values.yaml"] = meta, []byte("{}\n")
	// Objects are files, not templates: braces in them mean nothing to Helm.
	w.files["templates/objects.yaml"] = []byte(`{{- range $path, $content := .Files.Glob "objects/*.yaml" }}
---
{{ $.Files.Get $path }}
{{- end }}
`)
	return w.files, nil
}

type wrapping struct {
	of            Package
	files         map[string][]byte
	objects, crds int
	kept          map[string]*corev1.ConfigMap // by name; see keep
}

func (w *wrapping) add(as Manifest, manifest []byte) error {
	if as.ConfigMap != nil {
		return w.keep(*as.ConfigMap, manifest)
	}
	return eachDocument(manifest, w.addObject)
}

// eachDocument calls each with the documents of a YAML file that have anything in them.
func eachDocument(manifest []byte, each func(*unstructured.Unstructured) error) error {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest)))
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
		if len(object.Object) == 0 { // comments only
			continue
		}
		if err := each(object); err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
	}
}

func (w *wrapping) addObject(object *unstructured.Unstructured) error {
	if object.IsList() {
		return object.EachListItem(func(item runtime.Object) error {
			one, ok := item.(*unstructured.Unstructured)
			if !ok {
				return fmt.Errorf("an item of the list is a %T", item)
			}
			return w.addObject(one)
		})
	}
	if object.GetKind() == "" || object.GetAPIVersion() == "" || object.GetName() == "" {
		return errors.New("not a Kubernetes object: it has no kind, apiVersion or name")
	}
	if object.GetKind() == "Namespace" {
		return nil
	}
	if at := object.GetNamespace(); at != "" && at != w.of.Namespace && at != "kube-system" {
		return fmt.Errorf("%s %s is meant for namespace %q, and the package lies in %q", object.GetKind(), object.GetName(), at, w.of.Namespace)
	}
	unstructured.RemoveNestedField(object.Object, "status")
	content, err := yaml.Marshal(object.Object)
	if err != nil {
		return err
	}
	if object.GetKind() == "CustomResourceDefinition" {
		w.crds++
		w.files["crds/"+object.GetName()+".yaml"] = content
		return nil
	}
	w.objects++
	w.files[fmt.Sprintf("objects/%03d.yaml", w.objects)] = content
	return nil
}
