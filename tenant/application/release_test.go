// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// resolved is tenant alpha in root: etcd is its own, monitoring and ingress are root's.
func resolved() tenant.Resolved {
	r := tenant.Resolved{
		Tenant: types.NamespacedName{Namespace: "tenant-root", Name: "alpha"}, Namespace: "tenant-alpha",
		Ancestors: []string{"tenant-root"}, Host: "alpha.example.org", SchedulingClass: "ssd",
	}
	r.Services[tenant.Etcd] = tenant.Provision{Source: tenant.Own, Namespace: "tenant-alpha"}
	r.Services[tenant.Monitoring] = tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-root"}
	r.Services[tenant.Ingress] = tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-root"}
	r.Services[tenant.SeaweedFS] = tenant.Provision{Source: tenant.None}

	return r
}

func object(of *definition.ApplicationDefinition, name string, spec map[string]any) application.Object {
	resource := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps.cozystack.io/v1alpha1", "kind": of.Spec.Application.Kind,
		"metadata": map[string]any{"name": name, "namespace": "tenant-alpha", "generation": int64(3)},
	}}
	if spec != nil {
		resource.Object["spec"] = spec
	}

	return application.Object{
		Resource: resource, Definition: of, Tenant: resolved(),
		Platform: application.Platform{
			ClusterDomain: "cozy.local", Issuer: "custom-ca", ChartVersions: map[string]string{"postgres": "1.2.3+abc", "etcd": "1.0.0"}, CPURatio: 10, MemoryRatio: 1.5,
		},
	}
}

func TestReleasesAsRecorded(t *testing.T) {
	elsewhere := postgres()
	elsewhere.Spec.Release.Chart = definition.Chart{
		Name: "pg", Version: "9.9.9", SourceRef: &definition.ChartSource{Name: "mine", Namespace: "charts"},
	}
	elsewhere.Spec.Release.Timeout = &metav1.Duration{Duration: 20 * time.Minute}
	elsewhere.Spec.Release.Labels = map[string]string{application.LabelName: "forged"}

	for name, o := range map[string]application.Object{
		"release":   object(postgres(), "db", map[string]any{"replicas": int64(3), "resources": map[string]any{"cpu": "500m"}}),
		"service":   object(etcd(), "etcd", nil),
		"elsewhere": object(elsewhere, "db", map[string]any{}),
	} {
		t.Run(name, func(t *testing.T) {
			given := o.Resource.DeepCopy()

			release, err := o.MakeRelease()
			require.NoError(t, err)
			require.Equal(t, given, o.Resource, "the object stays as it is")
			require.Equal(t, release.Object, clone(release.Object), "as the API server gives it back")

			got, err := yaml.Marshal(release.Object)
			require.NoError(t, err)
			golden(t, "testdata/"+name+".release.yaml", got)

			requireFlux(t, release)
		})
	}
}

// requireFlux reads a HelmRelease with the types of the helm-controller that the platform installs.
func requireFlux(t *testing.T, release *unstructured.Unstructured) {
	t.Helper()

	decoder := json.NewDecoder(bytes.NewReader(marshal(t, release.Object)))
	decoder.DisallowUnknownFields()

	var typed helmv2.HelmRelease
	require.NoError(t, decoder.Decode(&typed))
	require.Equal(t, helmv2.GroupVersion.String(), typed.APIVersion)
	require.Equal(t, helmv2.HelmReleaseKind, typed.Kind)

	require.NotNil(t, typed.Spec.Install.GetRetry(), "a failed attempt is followed by another")
	require.NotNil(t, typed.Spec.Upgrade.GetRetry())
	require.Nil(t, typed.Spec.Install.Remediation)
	require.Nil(t, typed.Spec.Upgrade.Remediation)
	require.Nil(t, typed.Spec.Uninstall)
	require.True(t, typed.Spec.DriftDetection.MustDetectChanges())
	require.Empty(t, typed.Spec.DependsOn)
	require.Empty(t, typed.OwnerReferences)
}

func TestReleasesThatAreRefused(t *testing.T) {
	foreign := func(labels map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "postgres-db", "labels": labels}}}
	}

	for _, c := range []struct {
		name, want string
		alter      func(*application.Object)
	}{
		{"a platform's key", "spec._tenant: is set by the platform", func(o *application.Object) {
			o.Resource.Object["spec"] = map[string]any{"_tenant": map[string]any{"host": "forged"}}
		}},
		{"Helm's key", "spec.global", func(o *application.Object) { o.Resource.Object["spec"] = map[string]any{"global": map[string]any{}} }},
		{"a spec that is none", "spec", func(o *application.Object) { o.Resource.Object["spec"] = "x" }},
		{"a long name", "would have 54 characters", func(o *application.Object) { o.Resource.SetName(strings.Repeat("a", 45)) }},
		{"a dot", "has no dot", func(o *application.Object) { o.Resource.SetName("a.b") }},
		{"another tenant", "is not the namespace of the tenant", func(o *application.Object) { o.Resource.SetNamespace("tenant-beta") }},
		{"no version", "its version is not set", func(o *application.Object) { o.Platform.ChartVersions = nil }},
		{"no version of a chart elsewhere", "its version is not set", func(o *application.Object) {
			o.Definition.Spec.Release.Chart.SourceRef = &definition.ChartSource{Name: "mine", Namespace: "charts"}
		}},
		{"somebody's release", "made by somebody else", func(o *application.Object) { o.Release = foreign(nil) }},
		{"another application's release", "that of VM disk", func(o *application.Object) {
			o.Release = foreign(map[string]any{application.LabelKind: "VM", application.LabelName: "disk"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := object(postgres(), "db", map[string]any{})
			c.alter(&o)

			_, err := o.MakeRelease()
			require.ErrorContains(t, err, c.want)

			status := o.MakeStatus(application.Seen{IsReady: yes, Now: now()})
			require.Equal(t, metav1.ConditionFalse, status.Conditions[0].Status)
			require.Contains(t, []string{application.ReasonRefused, application.ReasonReleaseTaken}, status.Conditions[0].Reason)
			require.Contains(t, status.Conditions[0].Message, c.want)
			require.Empty(t, status.Credentials, "they may be another's")
		})
	}
}

// A kind that keeps its data in etcd stays with the etcd it was released with; the rest follows the tenant.
func TestKeptServicesStay(t *testing.T) {
	o := object(postgres(), "db", map[string]any{})

	released, err := o.MakeRelease()
	require.NoError(t, err)

	moved := o
	moved.Release = released
	moved.Tenant.Services[tenant.Etcd] = tenant.Provision{Source: tenant.Inherited, Namespace: "tenant-root"}
	moved.Tenant.Services[tenant.Monitoring] = tenant.Provision{Source: tenant.Own, Namespace: "tenant-alpha"}

	again, err := moved.MakeRelease()
	require.NoError(t, err)

	services := func(release *unstructured.Unstructured) map[string]string {
		found, _, err := unstructured.NestedStringMap(release.Object, "spec", "values", "_tenant", "services")
		require.NoError(t, err)

		return found
	}
	require.Equal(t, map[string]string{"etcd": "tenant-alpha", "monitoring": "tenant-alpha", "ingress": "tenant-root", "seaweedfs": ""}, services(again))

	waiting := moved
	waiting.Release = nil
	waiting.Resource = o.Resource.DeepCopy()
	waiting.Resource.Object["status"] = map[string]any{"services": map[string]any{"etcd": "tenant-alpha"}}

	first, err := waiting.MakeRelease()
	require.NoError(t, err)
	require.Equal(t, "tenant-root", services(first)["etcd"], "what was never released has no data to keep")

	lost := waiting
	lost.Resource = o.Resource.DeepCopy()
	lost.Resource.Object["status"] = map[string]any{"release": "postgres-db", "services": map[string]any{"etcd": "tenant-alpha"}}

	restored, err := lost.MakeRelease()
	require.NoError(t, err)
	require.Equal(t, "tenant-alpha", services(restored)["etcd"], "where the HelmRelease was lost, the status knows")
}
