// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Reasons of a change that neither the chart's version nor the values tell of.
const (
	patchesChange = "what is patched into it changes"
	contentChange = "its chart has other content under the same version"
)

// compareCore is empty where Core.Install would leave the release alone. Objects are compared where what the release is marked with
// says that more than its values differs: those of its newest revision with those that an upgrade with its own values would give.
func (c *Cluster) compareCore(ctx context.Context, shelf *Shelf, p Package, one Installed) (reason string, fields []Field, err error) {
	_, last, err := c.helm.newest(ctx, one.Release, one.Namespace)
	if err != nil || last == nil {
		return "", nil, err
	}
	before := map[string]any{"chart": map[string]any{"version": one.Chart}, "values": merge(nil, last.Config)}
	after := map[string]any{"chart": map[string]any{"version": p.Chart.Version}, "values": merge(nil, p.Values)}
	fields, err = compareFields(before, after)
	if err != nil || one.Chart != p.Chart.Version || last.Info.Status.IsPending() {
		return "", fields, err
	}
	archive, err := shelf.Archive(ctx, p)
	if err != nil {
		return "", nil, err
	}
	if len(fields) > 0 {
		p.Values = last.Config
	}
	if same, err := bearsMark(archive, p, last.Labels[digestLabel]); same || err != nil {
		return "", fields, err
	}
	made, err := c.helm.preview(ctx, p, archive)
	if err != nil {
		return "", nil, fmt.Errorf("render it as an upgrade would: %w", err)
	}
	reason = patchesChange
	if len(last.Chart.Templates) != len(made.Chart.Templates) {
		reason = contentChange
	}
	for i, template := range last.Chart.Templates {
		if reason == patchesChange && !bytes.Equal(template.Data, made.Chart.Templates[i].Data) {
			reason = contentChange
		}
	}
	objects, err := compareManifests(last.Manifest, made.Manifest)
	return reason, append(fields, objects...), err
}

// bearsMark reports whether a release with that mark was made of the archive and of the package's values and patches.
func bearsMark(archive []byte, p Package, mark string) (bool, error) {
	candidates := []map[string]any{p.Values}
	if len(p.Values) == 0 { // a stored release does not tell them apart
		candidates = []map[string]any{nil, {}}
	}
	for _, values := range candidates {
		p.Values = values
		if got, err := releaseDigest(archive, p); err != nil || got == mark {
			return err == nil, err
		}
	}
	return false, nil
}

// compareManifests are the fields of objects that differ between two rendered manifests. Nothing in a Secret is shown.
func compareManifests(before, after string) ([]Field, error) {
	was, err := objectsOf(before)
	if err != nil {
		return nil, err
	}
	is, err := objectsOf(after)
	if err != nil {
		return nil, err
	}
	old, now := byObjectName(was), byObjectName(is)
	names := map[string]bool{}
	for _, objects := range []map[string]*unstructured.Unstructured{old, now} {
		for name := range objects {
			names[name] = true
		}
	}
	var out []Field
	for _, name := range sortedKeys(names) {
		o, n := fieldsOf(old[name]), fieldsOf(now[name])
		changed := differ("objects."+escapeKey(name), o, n, o != nil, n != nil)
		for i := range changed {
			if strings.HasPrefix(name, "Secret/") {
				changed[i].hide()
			}
		}
		out = append(out, changed...)
	}
	return out, nil
}

// byObjectName has objects by Kind/namespace/name.
func byObjectName(objects []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
	out := map[string]*unstructured.Unstructured{}
	for _, object := range objects {
		out[object.GetKind()+"/"+pathOf(object.GetNamespace(), object.GetName())] = object
	}
	return out
}

// fieldsOf is the content of an object; nil: there is none.
func fieldsOf(object *unstructured.Unstructured) any {
	if object == nil {
		return nil
	}
	return object.Object
}

// hide leaves of a field that it differs.
func (f *Field) hide() {
	if f.Old != "" {
		f.Old = redacted
	}
	if f.New != "" {
		f.New = redacted
	}
}
