// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/repo"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// tinyTemplate has what Helm waits for: pods that run, and a Service with an address.
const tinyTemplate = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: tiny}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: tiny}}
  template:
    metadata: {labels: {app: tiny}}
    spec: {containers: [{name: tiny, image: none, readinessProbe: {httpGet: {path: /, port: 80}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: tiny}
spec: {type: LoadBalancer, selector: {app: tiny}, ports: [{port: 80}]}
`

func (p onPlane) helmReleaseBecomesReady(t *testing.T) {
	charts := t.TempDir()
	_, err := chartutil.Save(&chart.Chart{
		Metadata:  &chart.Metadata{APIVersion: chart.APIVersionV2, Name: "tiny", Version: "0.1.0", KubeVersion: ">=1.34.0"},
		Templates: []*chart.File{{Name: "templates/tiny.yaml", Data: []byte(tinyTemplate)}},
	}, charts)
	require.NoError(t, err)
	index, err := repo.IndexDirectory(charts, "")
	require.NoError(t, err)
	require.NoError(t, index.WriteFile(filepath.Join(charts, "index.yaml"), 0o644))
	asked := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.Host + r.URL.Path:
		default:
		}
		http.StripPrefix("/charts", http.FileServer(http.Dir(charts))).ServeHTTP(w, r)
	}))
	defer server.Close()
	require.NoError(t, p.RouteService("cozy-system", "charts", 80, server.Listener.Addr().String()))

	client, err := dynamic.NewForConfig(p.RESTConfig())
	require.NoError(t, err)
	repositories := client.Resource(schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "helmrepositories"}).Namespace("default")
	releases := client.Resource(schema.GroupVersionResource{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"}).Namespace("default")
	started := time.Now()
	create(t, repositories, "source.toolkit.fluxcd.io/v1", "HelmRepository", map[string]any{
		"url": "http://charts.cozy-system.svc/charts", "interval": "1m",
	})
	create(t, releases, "helm.toolkit.fluxcd.io/v2", "HelmRelease", map[string]any{
		"interval": "5m", "targetNamespace": "apps", "install": map[string]any{"createNamespace": true}, "values": map[string]any{"replicas": int64(2)},
		"chart": map[string]any{"spec": map[string]any{"chart": "tiny", "version": "0.1.0", "sourceRef": map[string]any{"kind": "HelmRepository", "name": "tiny"}}},
	})
	eventually(t, "the release to be Ready", 60*time.Second, func(ctx context.Context) error { return releaseReady(ctx, releases) })
	t.Logf("HelmRelease Ready after %v", time.Since(started))
	require.Equal(t, "charts.cozy-system.svc/charts/index.yaml", <-asked)
	deployment, err := p.client.AppsV1().Deployments("apps").Get(t.Context(), "tiny", metav1.GetOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 2, deployment.Status.ReadyReplicas)
	service, err := p.client.CoreV1().Services("apps").Get(t.Context(), "tiny", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "192.0.2.100", service.Status.LoadBalancer.Ingress[0].IP)
}

func create(t *testing.T, resources dynamic.ResourceInterface, version, kind string, spec map[string]any) {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "tiny"}, "spec": spec,
	}}
	_, err := resources.Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
}

func releaseReady(ctx context.Context, releases dynamic.ResourceInterface) error {
	release, err := releases.Get(ctx, "tiny", metav1.GetOptions{})
	if err != nil {
		return err
	}
	conditions, _, err := unstructured.NestedSlice(release.Object, "status", "conditions")
	if err != nil {
		return err
	}
	for _, condition := range conditions {
		fields := condition.(map[string]any)
		if fields["type"] == "Ready" && fields["status"] == "True" {
			return nil
		}
	}
	return fmt.Errorf("conditions: %v", conditions)
}
