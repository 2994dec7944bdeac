// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// applicationNamespace is that of the tenant whose applications' charts are rendered.
const applicationNamespace = "tenant-root"

// useApplications notes the kinds of which the charts of applications have objects. The definitions of applications are among the
// objects of a package; others are passed over.
func (k kinds) useApplications(ctx context.Context, objects []*unstructured.Unstructured, own *manifests.Repository) error {
	for _, object := range objects {
		if object.GroupVersionKind() != definition.GroupVersion.WithKind(definition.ApplicationDefinitionKind) {
			continue
		}
		of := &definition.ApplicationDefinition{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, of); err != nil {
			return fmt.Errorf("read ApplicationDefinition %s: %w", object.GetName(), err)
		}
		for _, judged := range of.Spec.Release.HealthCheckExprs { // of which there may be none by default
			k.use(schema.FromAPIVersionAndKind(judged.APIVersion, judged.Kind), false)
		}
		if of.Spec.Release.Chart.SourceRef != nil { // of nobody that we know
			continue
		}
		made, err := applicationObjects(ctx, of, own)
		if err != nil {
			return err
		}
		for _, one := range made {
			k.use(one.GroupVersionKind(), false)
		}
	}
	return nil
}

// applicationObjects are those of an application with nothing set by its user, where everything that its kind takes is there.
func applicationObjects(ctx context.Context, of *definition.ApplicationDefinition, own *manifests.Repository) ([]*unstructured.Unstructured, error) {
	chart := of.Spec.Release.Chart.Name
	version, err := own.Version(chart)
	if err != nil {
		return nil, err
	}
	archive, err := own.Archive(chart)
	if err != nil {
		return nil, err
	}
	return bundles.Render(ctx, bundles.Package{
		Name: of.Name, Release: of.Spec.Release.Prefix + of.Name, Namespace: applicationNamespace, Needs: of.Spec.Requires,
		Chart: bundles.Chart{Embedded: chart, Version: version},
		Values: map[string]any{"_tenant": map[string]any{
			"namespace": applicationNamespace, "name": "root", "host": "example.org", "clusterDomain": "cozy.local",
			"services": map[string]any{
				"etcd": applicationNamespace, "monitoring": applicationNamespace, "ingress": applicationNamespace, "seaweedfs": applicationNamespace,
			},
		}},
	}, archive, kubernetesVersion)
}
