// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// goingTime is how long what was deleted may take to be gone, with what it owned: the garbage collector and kubelets need
// seconds, a pod its grace period.
const goingTime = 2 * time.Minute

// tidy removes what packages leave behind that is ours and nobody uses. It goes by what is on the cluster, so it does what an
// interrupted run left undone.
func (c *Cluster) tidy(ctx context.Context, plan *Plan, await Await, report Report) error {
	installed, err := c.Installed(ctx)
	if err != nil {
		return err
	}
	if err := c.pruneCharts(ctx, plan); err != nil {
		return err
	}
	if err := c.lowerNamespaces(ctx, plan, installed); err != nil {
		return err
	}
	ours, err := c.ourNamespaces(ctx)
	if err != nil {
		return err
	}
	for _, p := range plan.Packages {
		delete(ours, p.Namespace)
	}
	for _, one := range installed {
		delete(ours, one.Namespace)
	}
	delete(ours, ChartsNamespace)
	for _, name := range sortedKeys(ours) {
		if err := c.removeNamespace(ctx, name, await, report); err != nil {
			return err
		}
	}
	return nil
}

// pruneCharts removes repositories of ours, and charts made of manifests, that neither the plan nor any HelmRelease refers to, ours
// or somebody else's.
func (c *Cluster) pruneCharts(ctx context.Context, plan *Plan) error {
	releases, err := c.helmReleases(ctx)
	if err != nil {
		return err
	}
	repositoriesUsed, chartsUsed := map[string]bool{chartsName: true}, map[string]bool{}
	for _, p := range plan.Packages {
		repositoriesUsed[repositoryOf(p.Chart)], chartsUsed[p.Chart.ChartName()] = true, true
	}
	for _, release := range releases {
		if release.Spec.Chart == nil {
			continue
		}
		spec := release.Spec.Chart.Spec
		if spec.SourceRef.Kind == sourcev1.HelmRepositoryKind && cmp.Or(spec.SourceRef.Namespace, release.Namespace) == ChartsNamespace {
			repositoriesUsed[spec.SourceRef.Name], chartsUsed[spec.Chart] = true, true
		}
	}
	for _, unused := range []struct {
		resource schema.GroupVersionResource
		selector string
		used     func(metav1.PartialObjectMetadata) bool
	}{
		{repositories(), managedBy + "=" + fieldManager, func(o metav1.PartialObjectMetadata) bool { return repositoriesUsed[o.Name] }},
		{
			corev1.SchemeGroupVersion.WithResource("configmaps"), ChartLabel + "," + managedBy + "=" + fieldManager,
			func(o metav1.PartialObjectMetadata) bool { return chartsUsed[o.Labels[ChartLabel]] },
		},
	} {
		list, err := listMetadata(ctx, c.names, unused.resource, ChartsNamespace, unused.selector)
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("list %s: %w", unused.resource.Resource, err)
		}
		for _, object := range list {
			if unused.used(object) {
				continue
			}
			err := c.names.Resource(unused.resource).Namespace(ChartsNamespace).Delete(ctx, object.Name, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("delete %s %s: %w", unused.resource.Resource, object.Name, err)
			}
		}
	}
	return nil
}

// removeNamespace removes a namespace of ours that nothing is left in. One that holds something stays, and that is said.
func (c *Cluster) removeNamespace(ctx context.Context, name string, await Await, report Report) error {
	var left, going []string
	err := await(ctx, "namespace "+name+" to be empty", goingTime, func(ctx context.Context) (err error) {
		left, going, err = c.leftIn(ctx, name)
		if err == nil && len(left) == 0 && len(going) > 0 {
			err = fmt.Errorf("still there: %s", some(going))
		}
		return err
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if stays := reasonToStay(left, err); stays != "" {
		report.say("namespace "+name, StatePresent, "it stays, because "+stays)
		return nil
	}
	if err := c.kube.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	namespaces := c.dynamic.Resource(corev1.SchemeGroupVersion.WithResource("namespaces"))
	err = await(ctx, "namespace "+name+" to be gone", goingTime, func(ctx context.Context) error {
		object, err := namespaces.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return errors.New(describe(object))
	})
	if err == nil {
		report.say("namespace "+name, StateRemoved, "")
	}
	return err
}

// reasonToStay is why a namespace is not removed; empty: it is empty. It is no mistake of the run's.
func reasonToStay(left []string, err error) string {
	switch {
	case len(left) > 0:
		return "it holds what no package made: " + some(left)
	case err != nil:
		return "nobody saw it empty: " + err.Error()
	}
	return ""
}

// leftIn lists what is in a namespace besides what every namespace has, and apart from it what is on its way out, or will be
// as soon as the garbage collector sees that its owner is gone.
func (c *Cluster) leftIn(ctx context.Context, namespace string) (left, going []string, err error) {
	kinds, err := c.kube.Discovery().ServerPreferredNamespacedResources()
	if err != nil {
		return nil, nil, fmt.Errorf("ask the API server for its kinds: %w", err)
	}
	for _, group := range kinds {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		if err != nil {
			return nil, nil, fmt.Errorf("ask the API server for its kinds: %w", err)
		}
		for _, kind := range group.APIResources {
			if !slices.Contains(kind.Verbs, "list") || !slices.Contains(kind.Verbs, "delete") || isEphemeral(kind.Name) {
				continue
			}
			list, err := listMetadata(ctx, c.names, version.WithResource(kind.Name), namespace, "")
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				continue
			}
			if err != nil {
				return nil, nil, fmt.Errorf("list %s in namespace %s: %w", kind.Name, namespace, err)
			}
			for _, object := range list {
				switch name := kind.Name + "/" + object.Name; {
				case isGiven(kind.Name, object.Name):
				case object.DeletionTimestamp != nil, metav1.GetControllerOf(&object) != nil:
					going = append(going, name)
				default:
					left = append(left, name)
				}
			}
		}
	}
	return left, going, nil
}

// isEphemeral reports kinds whose objects tell of others, and mean nothing once those are gone.
func isEphemeral(resource string) bool {
	return slices.Contains([]string{"events", "leases", "endpoints", "endpointslices"}, resource)
}

// isGiven reports objects that Kubernetes puts into every namespace.
func isGiven(resource, name string) bool {
	return resource == "serviceaccounts" && name == "default" || resource == "configmaps" && name == "kube-root-ca.crt"
}
