// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// losses tells what may be lost with packages that leave together.
type losses struct {
	cluster *Cluster
	plan    *Plan
	leaving []Installed
}

// of lists in words what may be lost with one package, and the CRDs that it leaves on the cluster.
func (l *losses) of(ctx context.Context, one Installed) (loses, left []string, err error) {
	content, err := l.cluster.helm.content(ctx, one.Release, one.Namespace)
	if err != nil {
		return nil, nil, err
	}
	p, known := l.cluster.catalog.Package(one.Name)
	switch {
	case !known:
		loses = append(loses, "this version does not know the package, nor what it holds")
	case p.Stateful:
		loses = append(loses, "it holds data: "+strings.ToLower(p.Title))
	}
	for _, volume := range content.volumes(one.Namespace) {
		loses = append(loses, "the volume of PersistentVolumeClaim "+volume+" goes with it")
	}
	kinds := l.kindsOf(one, content)
	for _, name := range sortedKeys(kinds) {
		objects, exists, err := l.objects(ctx, name, kinds)
		if err != nil {
			return nil, nil, err
		}
		if len(objects) > 0 {
			fate := "would be left with nobody to look after them"
			if kinds[name] {
				fate = "would be deleted with their kind"
			}
			loses = append(loses, fmt.Sprintf("%d %s %s: %s", len(objects), name, fate, some(objects)))
		}
		if exists && !kinds[name] {
			left = append(left, name)
		}
	}
	return loses, left, nil
}

// some names the first few of many.
func some(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few], ", ") + " ..."
}

// kindsOf are the CRDs that a package brings and the plan's packages do not; true for those that Helm deletes with it.
func (l *losses) kindsOf(one Installed, content releaseContent) map[string]bool {
	out := map[string]bool{}
	for _, name := range content.ownKinds {
		out[name] = false
	}
	if p, known := l.cluster.catalog.Package(one.Name); known {
		for _, crd := range p.Provides {
			out[crd.Name] = false
		}
	}
	for _, object := range content.objects {
		if object.GetKind() == "CustomResourceDefinition" && !isKept(object) {
			out[object.GetName()] = true
		}
	}
	for _, p := range l.plan.Packages {
		for _, crd := range p.Provides {
			delete(out, crd.Name)
		}
	}
	return out
}

// objects are those of a kind that are lost with it: not those that leave with their package, nor those that packages of the
// plan have and do not need any more, nor what was made of another object of the kinds. False: there is no such CRD.
func (l *losses) objects(ctx context.Context, crd string, kinds map[string]bool) (names []string, exists bool, err error) {
	resource, exists, err := l.cluster.resourceOf(ctx, crd)
	if err != nil || !exists || resource.Version == "" {
		return nil, exists, err
	}
	list, err := listMetadata(ctx, l.cluster.names, resource, metav1.NamespaceAll, "")
	if apierrors.IsNotFound(err) {
		return nil, true, nil // it went away meanwhile
	}
	if err != nil {
		return nil, true, fmt.Errorf("list %s: %w", crd, err)
	}
	expected := l.expected(crd)
	for _, object := range list {
		if expected[storedName{object.Annotations[helmNamespace], object.Annotations[helmName]}] || isMadeOf(object, kinds) {
			continue
		}
		name := object.Name
		if object.Namespace != "" {
			name = object.Namespace + "/" + name
		}
		names = append(names, name)
	}
	return names, true, nil
}

// isMadeOf reports whether an object belongs to another one in the API groups of these CRDs, which is counted itself.
func isMadeOf(object metav1.PartialObjectMetadata, kinds map[string]bool) bool {
	for _, owner := range object.OwnerReferences {
		version, err := schema.ParseGroupVersion(owner.APIVersion)
		for name := range kinds {
			if _, group, _ := strings.Cut(name, "."); err == nil && group == version.Group {
				return true
			}
		}
	}
	return false
}

// expected are the Helm releases whose objects of that kind go without a loss.
func (l *losses) expected(crd string) map[storedName]bool {
	out := map[storedName]bool{}
	for _, one := range l.leaving {
		out[storedName{one.Namespace, one.Release}] = true
	}
	for _, p := range l.plan.Packages {
		if !slices.Contains(p.Needs, crd) {
			out[storedName{p.Namespace, p.Release}] = true
		}
	}
	return out
}

// resourceOf is where the API serves a kind; without a version if it does not.
func (c *Cluster) resourceOf(ctx context.Context, crd string) (out schema.GroupVersionResource, exists bool, err error) {
	object, err := c.dynamic.Resource(definitions()).Get(ctx, crd, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return out, false, nil
	}
	definition := &apiextensions.CustomResourceDefinition{}
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, definition)
	}
	if err != nil {
		return out, false, fmt.Errorf("read CRD %s: %w", crd, err)
	}
	out.Group, out.Resource = definition.Spec.Group, definition.Spec.Names.Plural
	for _, version := range definition.Spec.Versions {
		if version.Served {
			out.Version = version.Name
		}
	}
	return out, true, nil
}
