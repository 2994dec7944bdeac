// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/tenant"
)

func TestAnIngressThatIsNeverMadeIsExplainedByTheTenant(t *testing.T) {
	w := newRootWorld(t, rootSite, nil)
	ingresses := w.client.Dynamic.Resource(serviceResource(tenant.Ingress)).Namespace("tenant-root")
	require.NoError(t, ingresses.Delete(t.Context(), "ingress", metav1.DeleteOptions{}))
	w.opts.NodeTimeout = 2 * time.Second
	err := w.run(t, nil)
	require.ErrorContains(t, err, "Ingress/ingress of tenant-root")
	require.ErrorContains(t, err, "etcd of tenant-root is not ready", "in the tenant's own words")

	// What it says does not count once the object is there.
	_, err = ingresses.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Ingress", "metadata": map[string]any{"name": "ingress", "namespace": "tenant-root"},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, w.setIngress(t.Context(), w.say, w.client))
}

func TestTheExposureOfTheSiteIsThatOfTheIngress(t *testing.T) {
	for text, want := range map[string]any{
		"{loadBalancer: true}":       nil,
		"{nodePort: true}":           map[string]any{"type": "NodePort", "externalIPs": []any{}},
		"{externalIPs: [192.0.2.7]}": map[string]any{"type": "ClusterIP", "externalIPs": []any{"192.0.2.7"}},
	} {
		s, err := site.Parse("site.yaml", []byte(strings.Replace(hostedTenants, "{externalIPs: [198.51.100.7]}", text, 1)))
		require.NoError(t, err)
		require.Equal(t, want, ingressSpec(s)["service"], text)
	}
}
