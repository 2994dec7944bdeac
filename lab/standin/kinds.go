// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

// kubernetesVersion is what charts of ours are rendered for.
const kubernetesVersion = "v1.34.4"

// kinds are those of which our own charts, or operators in their stead, have objects: name of the CRD -> its kind, and the versions that are used. Of all
// others a package file tells no more than plural and group.
type kinds map[string]kind

type kind struct {
	name     string
	versions []string
	// isOfCluster: objects of the kind are in no namespace.
	isOfCluster bool
}

// use notes that a kind is used in a version.
func (k kinds) use(is schema.GroupVersionKind, isOfCluster bool) {
	plural, _ := meta.UnsafeGuessKindToResource(is)
	crd := plural.Resource + "." + plural.Group
	known := k[crd]
	known.name = is.Kind
	known.isOfCluster = known.isOfCluster || isOfCluster
	if !slices.Contains(known.versions, is.Version) {
		known.versions = append(known.versions, is.Version)
	}
	k[crd] = known
}

// kindsOf renders our own charts as the plan's packages have them.
func kindsOf(ctx context.Context, plan *bundles.Plan, own *manifests.Repository) (kinds, error) {
	out := kinds{}
	// cozy-controller makes them, and not every plan has a chart that does.
	cilium := schema.GroupVersion{Group: "cilium.io", Version: "v2"}
	out.use(cilium.WithKind("CiliumNetworkPolicy"), false)
	out.use(cilium.WithKind("CiliumClusterwideNetworkPolicy"), true)
	// The chart of a tenant's etcd makes it, which is of no package. Of what applications consist of it alone is in no namespace.
	out.use(schema.GroupVersionKind{Group: "kamaji.clastix.io", Version: "v1alpha1", Kind: "DataStore"}, true)
	for _, p := range plan.Packages {
		for _, condition := range p.Health.Conditions {
			if condition.Live { // made by an operator, and by no chart
				out.use(schema.FromAPIVersionAndKind(condition.APIVersion, condition.Kind), true)
			}
		}
		if p.Chart.Embedded == "" {
			continue
		}
		archive, err := own.Archive(p.Chart.Embedded)
		if err != nil {
			return nil, err
		}
		objects, err := bundles.Render(ctx, p, archive, kubernetesVersion)
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			out.use(object.GroupVersionKind(), false)
		}
		if err := out.useApplications(ctx, objects, own); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// of is the kind of a CRD, made up if no chart of ours tells.
func (k kinds) of(crd string) (plural, group string, is kind) {
	plural, group, _ = strings.Cut(crd, ".")
	if known, ok := k[crd]; ok {
		return plural, group, known
	}
	return plural, group, kind{name: strings.ToUpper(plural[:1]) + plural[1:], versions: []string{"v1"}}
}

// definition is a CRD that takes anything.
func (k kinds) definition(crd string) map[string]any {
	plural, group, is := k.of(crd)
	scope := "Namespaced"
	if is.isOfCluster {
		scope = "Cluster"
	}
	var versions []any
	for i, version := range is.versions {
		versions = append(versions, map[string]any{
			"name": version, "served": true, "storage": i == 0, "subresources": map[string]any{"status": map[string]any{}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{
				"type": "object", "x-kubernetes-preserve-unknown-fields": true,
			}},
		})
	}
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": crd, "annotations": map[string]any{
			// A stand-in may have the name of a protected group of Kubernetes' own.
			"api-approved.kubernetes.io": "unapproved, a stand-in of the lab",
		}},
		"spec": map[string]any{
			"group": group, "scope": scope, "versions": versions,
			"names": map[string]any{
				"plural": plural, "singular": strings.ToLower(is.name), "kind": is.name, "listKind": is.name + "List",
			},
		},
	}
}

// object is one of that kind, with nothing in it.
func (k kinds) object(crd, name string) map[string]any {
	_, group, is := k.of(crd)
	return map[string]any{
		"apiVersion": group + "/" + is.versions[0], "kind": is.name,
		"metadata": map[string]any{"name": name, "labels": map[string]any{Label: name}},
	}
}
