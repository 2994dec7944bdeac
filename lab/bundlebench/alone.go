// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bundles"
)

// objects are what Flux needs to install a bundle beyond its core.
type objects struct{ namespaces, repositories, releases []unstructured.Unstructured }

var (
	namespaces       = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	helmRepositories = schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "helmrepositories"}
)

// objects reads them from the cluster, with Flux's defaults in place of what the product chooses for how attempts are made.
func (r *rig) objects(ctx context.Context) (out objects, err error) {
	for kind, into := range map[schema.GroupVersionResource]*[]unstructured.Unstructured{
		namespaces: &out.namespaces, helmRepositories: &out.repositories, helmReleases: &out.releases,
	} {
		list, err := r.dynamic.Resource(kind).List(ctx, metav1.ListOptions{})
		if err != nil {
			return objects{}, fmt.Errorf("list %s: %w", kind.Resource, err)
		}

		for _, one := range list.Items {
			*into = append(*into, plain(one))
		}
	}

	return out, nil
}

// plain is an object without what only its cluster knows.
func plain(of unstructured.Unstructured) unstructured.Unstructured {
	out := unstructured.Unstructured{Object: map[string]any{}}
	out.SetAPIVersion(of.GetAPIVersion())
	out.SetKind(of.GetKind())
	out.SetNamespace(of.GetNamespace())
	out.SetName(of.GetName())
	out.SetLabels(of.GetLabels())

	if spec, ok := of.Object["spec"].(map[string]any); ok && of.GetKind() != "Namespace" {
		out.Object["spec"] = spec

		for _, choice := range []string{"interval", "maxHistory", "install", "upgrade"} {
			if of.GetKind() == "HelmRelease" {
				delete(spec, choice)
			}
		}

		if of.GetKind() == "HelmRelease" {
			spec["interval"] = "5m" // required; it has no default
		}
	}

	return out
}

// runFluxAlone installs the core, then makes all objects at once, and returns how long it took from then until all releases
// were ready. helm-controller has Flux's defaults.
func runFluxAlone(ctx context.Context, bundle string, made objects) (took time.Duration, err error) {
	plan, err := resolve(bundle)
	if err != nil {
		return 0, err
	}

	err = onRig(ctx, plan, []string{}, func(ctx context.Context, r *rig) error {
		if _, err := r.installCore(ctx); err != nil {
			return err
		}

		began := time.Now()

		if err := r.create(ctx, made); err != nil {
			return err
		}

		err := r.watch.await(ctx, len(made.releases))
		took = time.Since(began)

		return err
	})

	return took, err
}

func (r *rig) create(ctx context.Context, made objects) error {
	for _, step := range []struct {
		kind schema.GroupVersionResource
		all  []unstructured.Unstructured
	}{{namespaces, made.namespaces}, {helmRepositories, made.repositories}, {helmReleases, made.releases}} {
		for i := range step.all {
			object := step.all[i].DeepCopy()
			if step.kind == helmRepositories {
				r.redirect(object)
			}

			if _, err := r.dynamic.Resource(step.kind).Namespace(object.GetNamespace()).Apply(ctx, object.GetName(), object,
				metav1.ApplyOptions{FieldManager: "lab", Force: true}); err != nil {
				return fmt.Errorf("apply %s %s: %w", step.kind.Resource, object.GetName(), err)
			}
		}
	}

	return nil
}

// redirect gives a repository of stand-ins the address that it has on this rig.
func (r *rig) redirect(repository *unstructured.Unstructured) {
	if url, _, _ := unstructured.NestedString(repository.Object, "spec", "url"); url == bundles.DefaultChartsURL {
		return
	}

	for _, p := range r.plan.Packages {
		if p.Chart.Embedded == "" {
			repository.Object["spec"].(map[string]any)["url"] = p.Chart.Repository

			return
		}
	}
}
