// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/talos"
)

// maxDump bounds what is kept of one Kubernetes resource.
const maxDump = 16 << 20

// supportResources are the resources of the cluster that a bundle holds. Secrets and ConfigMaps are none of them.
func supportResources() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{
		{Version: "v1", Resource: "nodes"},
		{Version: "v1", Resource: "namespaces"},
		{Version: "v1", Resource: "events"},
		{Group: "apps", Version: "v1", Resource: "deployments"},
		{Group: "apps", Version: "v1", Resource: "daemonsets"},
		{Group: "apps", Version: "v1", Resource: "statefulsets"},
		{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"},
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "helmrepositories"},
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "helmcharts"},
		{Group: "apps.cozystack.io", Version: "v1alpha1", Resource: "tenants"},
	}
}

// collectCluster puts what Kubernetes tells into the bundle. What comes back says why it could not be asked; then only
// `status` is there, which says so too.
func (b *bringup) collectCluster(ctx context.Context, a *supportArchive, say func(string)) string {
	say("asking for the site's status")
	status, err := Look(ctx, b.opts)
	a.addJSON("status.json", status, err)
	client, err := b.kube()
	if err == nil {
		err = client.AssertAnswering(ctx)
	}
	if err != nil {
		return err.Error()
	}
	say("reading from Kubernetes")
	releases, err := client.HelmReleases(ctx)
	a.addJSON("kubernetes/helm.json", releases, err)
	for _, gvr := range supportResources() {
		dump(ctx, a, client, gvr, "", "kubernetes/"+gvr.Resource+".yaml")
	}
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	for _, namespace := range b.supportNamespaces() {
		dump(ctx, a, client, pods, namespace, "kubernetes/pods/"+namespace+".yaml")
	}
	return ""
}

// supportNamespaces are the platform's own: pods of tenants are their own matter.
func (b *bringup) supportNamespaces() []string {
	out := []string{"kube-system"}
	for _, p := range b.plan.Packages {
		if !slices.Contains(out, p.Namespace) {
			out = append(out, p.Namespace)
		}
	}
	return out
}

func dump(ctx context.Context, a *supportArchive, client *kube.Client, gvr schema.GroupVersionResource, namespace, name string) {
	data, cut, err := client.Dump(ctx, gvr, namespace, maxDump, withoutValues)
	if apierrors.IsNotFound(err) || err == nil && len(data) == 0 {
		a.add(SupportPart{Path: name, State: PartWithheld, Reason: "there are no " + gvr.Resource}, nil)
		return
	}
	if err == nil {
		data, err = talos.RedactYAML(data)
	}
	if err != nil || !cut {
		a.addBytes(name, data, err)
		return
	}
	a.add(SupportPart{Path: name, State: PartCut}, data)
}

// withoutValues takes a HelmRelease's values out, where passwords may stand under any name.
func withoutValues(object *unstructured.Unstructured) {
	if object.GetKind() == "HelmRelease" {
		unstructured.RemoveNestedField(object.Object, "spec", "values")
	}
}
