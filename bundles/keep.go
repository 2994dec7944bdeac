// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	// keptAnnotation marks a ConfigMap whose values are manifests that an operator installs.
	keptAnnotation = "cozystack.io/manifests"
	// maxConfigMap is how much data a ConfigMap may hold (Kubernetes, pkg/apis/core/validation: MaxSecretSize).
	maxConfigMap = 1 << 20
)

// keep puts a file into its ConfigMap as it is. What is not YAML is refused here: the operator would only say so on the
// cluster.
func (w *wrapping) keep(at InConfigMap, manifest []byte) error {
	documents := 0
	if err := eachDocument(manifest, func(*unstructured.Unstructured) error { documents++; return nil }); err != nil {
		return err
	}
	if documents == 0 {
		return errors.New("there is nothing in it")
	}
	into := w.kept[at.Name]
	if into == nil {
		into = &corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{
				Name: at.Name, Labels: map[string]string{}, Annotations: map[string]string{keptAnnotation: "true"},
			},
			Data: map[string]string{}, BinaryData: map[string][]byte{},
		}
		w.kept[at.Name] = into
	}
	maps.Copy(into.Labels, at.Labels)
	maps.Copy(into.Annotations, at.Annotations)
	if !at.Gzip {
		into.Data[at.Key] = string(manifest)
		return nil
	}
	packed, err := packed(manifest)
	into.BinaryData[at.Key] = packed
	return err
}

// packed is content by gzip, the same for the same content.
func packed(content []byte) ([]byte, error) {
	var out bytes.Buffer
	to, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := to.Write(content); err != nil {
		return nil, err
	}
	if err := to.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// addKept makes objects of the chart of the ConfigMaps.
func (w *wrapping) addKept() error {
	for _, name := range sortedKeys(w.kept) {
		size := 0
		for _, value := range w.kept[name].Data {
			size += len(value)
		}
		for _, value := range w.kept[name].BinaryData {
			size += len(value)
		}
		if size > maxConfigMap {
			return fmt.Errorf("ConfigMap %s would hold %d bytes; at most %d are allowed, so its files need gzip", name, size, maxConfigMap)
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(w.kept[name])
		if err != nil {
			return err
		}
		unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
		if err := w.addObject(&unstructured.Unstructured{Object: content}); err != nil {
			return err
		}
	}
	return nil
}

// keptIn are the objects in the files that rendered ConfigMaps keep for operators. What can't be read is left out: wrap has
// read it, and what an operator makes of other charts' ConfigMaps only it knows.
func keptIn(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	return inConfigMaps(objects, keptAnnotation)
}

// appliedByHooks are the objects in ConfigMaps that are hooks of a chart: a Job beside them applies them before the release.
func appliedByHooks(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	return inConfigMaps(objects, "helm.sh/hook")
}

// inConfigMaps are the objects in ConfigMaps with that annotation.
func inConfigMaps(objects []*unstructured.Unstructured, annotation string) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, object := range objects {
		if _, is := object.GetAnnotations()[annotation]; !is || object.GetKind() != "ConfigMap" {
			continue
		}
		var from corev1.ConfigMap
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &from); err != nil {
			continue
		}
		for _, key := range sortedKeys(from.Data) {
			out = append(out, documentsIn([]byte(from.Data[key]))...)
		}
		for _, key := range sortedKeys(from.BinaryData) {
			if plain, err := unpacked(from.BinaryData[key]); err == nil {
				out = append(out, documentsIn(plain)...)
			}
		}
	}
	return out
}

func documentsIn(manifest []byte) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	_ = eachDocument(manifest, func(object *unstructured.Unstructured) error { out = append(out, object); return nil })
	return out
}

// unpacked is content that was packed; of more than a manifest may have, no more is read.
func unpacked(content []byte) ([]byte, error) {
	from, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(from, maxManifest))
}
