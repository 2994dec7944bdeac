// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	discovery "k8s.io/client-go/discovery/fake"
	dynamic "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
)

func named(apiVersion, kind, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name},
	}}
}

// A kind that is not served is never a list without objects: what waits for their end would take it for that.
func TestAKindThatIsNotServedIsAnError(t *testing.T) {
	satellites := &metav1.APIResourceList{GroupVersion: "piraeus.io/v1", APIResources: []metav1.APIResource{
		{Name: "linstorsatellites/status", Kind: "LinstorSatellite"}, {Name: "linstorsatellites", Kind: "LinstorSatellite"},
	}}
	const crdVersion, crd = "apiextensions.k8s.io/v1", "CustomResourceDefinition"
	defined := named(crdVersion, crd, "linstorsatellites.piraeus.io")
	for name, test := range map[string]struct {
		served    []*metav1.APIResourceList
		crd       *unstructured.Unstructured
		found     int
		undefined bool
	}{
		"served":               {served: []*metav1.APIResourceList{satellites}, crd: defined, found: 1},
		"not served yet":       {crd: defined},
		"not of that version":  {served: []*metav1.APIResourceList{{GroupVersion: "piraeus.io/v2"}}, crd: defined},
		"without the kind":     {served: []*metav1.APIResourceList{{GroupVersion: "piraeus.io/v1"}}, crd: defined},
		"defined by nobody":    {crd: named(crdVersion, crd, "things.example.org"), undefined: true},
		"a group that ends so": {crd: named(crdVersion, crd, "things.notpiraeus.io"), undefined: true},
	} {
		t.Run(name, func(t *testing.T) {
			typed := fake.NewClientset()
			asked, ok := typed.Discovery().(*discovery.FakeDiscovery)
			require.True(t, ok)
			asked.Resources = test.served
			client := &Client{Typed: typed, Dynamic: dynamic.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
				{Group: "piraeus.io", Version: "v1", Resource: "linstorsatellites"}:                   "LinstorSatelliteList",
				{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}: "CustomResourceDefinitionList",
			}, named("piraeus.io/v1", "LinstorSatellite", "w1"), test.crd)}
			found, err := client.Objects(t.Context(), "piraeus.io/v1", "LinstorSatellite", "")
			require.Len(t, found, test.found)
			if test.found > 0 {
				require.NoError(t, err)
				return
			}
			var unserved *UnservedError
			require.ErrorAs(t, err, &unserved)
			require.Equal(t, test.undefined, unserved.Undefined)
		})
	}
}
