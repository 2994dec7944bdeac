// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/operatorsim"
	"github.com/cozystack/cozy-install/tenant"
)

// etcdClusters are what the simulated operator works on.
var etcdClusters = operatorsim.Kinds()[0].Resource

// rootWorld is a cluster of fakes with a stand-in for cozy-controller, which makes what a service consists of and tells the tenant
// what its status says.
type rootWorld struct {
	*bringup
	client *kube.Client
	site   *operatorsim.Site
	said   []string
	mu     sync.Mutex
}

const rootSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: hosted}
domain: example.org
bundle: paas-hosted
exposure: {nodePort: true}
tenantRoot: {etcd: true, ingress: true}
certificates: {ca: authority.pem}
`

func newRootWorld(t *testing.T, text string, handler http.Handler) *rootWorld {
	t.Helper()
	answering, err := operatorsim.NewSite("example.org", handler)
	require.NoError(t, err)
	t.Cleanup(answering.Close)
	where := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(where, "authority.pem"), answering.Authority, 0o600))
	file := filepath.Join(where, "site.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	s, err := site.Load(file)
	require.NoError(t, err)
	dir, err := workdir.Open(filepath.Join(where, "work"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	w := &rootWorld{site: answering, client: rootCluster(t, answering)}
	w.bringup = &bringup{
		site: s, dir: dir, cluster: w.client, opts: Options{Site: s, NodeTimeout: 20 * time.Second}, log: Options{}.log(),
	}
	return w
}

// rootCluster has what the phase finds: the kinds, a node with the address of whoever answers, the ingress's Service and certificate.
func rootCluster(t *testing.T, answering *operatorsim.Site) *kube.Client {
	t.Helper()
	host, text, err := net.SplitHostPort(answering.Listener.Addr().String())
	require.NoError(t, err)
	port, err := strconv.ParseInt(text, 10, 32)
	require.NoError(t, err)
	typed := fake.NewClientset(
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: corev1.NodeStatus{
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		}},
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "ingress", Labels: map[string]string{
				"apps.cozystack.io/application.kind": "Ingress", "apps.cozystack.io/application.name": "ingress",
			}},
			Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Name: "https", Port: 443, NodePort: int32(port)}}},
		},
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "ingress-tls"}, Data: map[string][]byte{"tls.crt": answering.Certificate},
		},
	)
	typed.PrependReactor("create", "serviceaccounts", func(action clienttesting.Action) (bool, runtime.Object, error) {
		request, _ := action.(clienttesting.CreateActionImpl).Object.(*authenticationv1.TokenRequest)
		request.Status.Token = "secret-token"
		return true, request, nil
	})
	kinds := map[schema.GroupVersionResource]string{
		tenants: "TenantList", namespaces: "NamespaceList", etcdClusters: "EtcdClusterList",
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}: "CustomResourceDefinitionList",
	}
	for _, service := range []tenant.Service{tenant.Etcd, tenant.Ingress} {
		kinds[serviceResource(service)] = service.Kind() + "List"
	}
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "tenants.apps.cozystack.io"},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
	}}
	ingress := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Ingress", "metadata": map[string]any{"name": "ingress", "namespace": "tenant-root"},
		"status": readyConditions(nil),
	}}
	dynamic := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, crd, ingress)
	dynamic.PrependReactor("patch", "*", applies(t, dynamic))
	return &kube.Client{Config: &rest.Config{Host: "https://10.0.0.1:6443"}, Typed: typed, Dynamic: dynamic}
}

// applies stands in for server-side apply, which the fakes don't have: the spec becomes what was applied last.
func applies(t *testing.T, client *dynamicfake.FakeDynamicClient) clienttesting.ReactionFunc {
	t.Helper()
	return func(action clienttesting.Action) (bool, runtime.Object, error) {
		patch, is := action.(clienttesting.PatchActionImpl)
		if !is || patch.PatchType != types.ApplyPatchType {
			return false, nil, nil
		}
		wanted := &unstructured.Unstructured{}
		require.NoError(t, json.Unmarshal(patch.Patch, &wanted.Object))
		found, err := client.Tracker().Get(patch.Resource, patch.Namespace, patch.Name)
		if err != nil {
			return true, wanted, client.Tracker().Create(patch.Resource, wanted, patch.Namespace)
		}
		object, _ := found.(*unstructured.Unstructured)
		object = object.DeepCopy()
		object.Object["spec"] = wanted.Object["spec"]
		return true, object, client.Tracker().Update(patch.Resource, object, patch.Namespace)
	}
}

func readyConditions(unready error) map[string]any {
	ready := map[string]any{"type": "Ready", "status": "True", "reason": "Ready", "message": ""}
	if unready != nil {
		ready = map[string]any{"type": "Ready", "status": "False", "reason": "WaitingForService", "message": unready.Error()}
	}
	return map[string]any{"namespace": "tenant-root", "conditions": []any{
		ready, map[string]any{"type": "PoliciesReady", "status": "True", "reason": "PoliciesReady", "message": ""},
	}}
}

// control stands in for cozy-controller until ctx ends.
func (w *rootWorld) control(ctx context.Context) {
	etcds := serviceResource(tenant.Etcd)
	for ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
		if _, err := w.client.Get(ctx, tenants, "tenant-root", "root"); err != nil {
			continue
		}
		_, _ = w.client.Dynamic.Resource(etcdClusters).Namespace("tenant-root").Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "etcd-operator.cozystack.io/v1alpha2", "kind": "EtcdCluster",
			"metadata": map[string]any{"name": "etcd", "namespace": "tenant-root", "uid": "1"},
		}}, metav1.CreateOptions{})
		cluster, err := w.client.Get(ctx, etcdClusters, "tenant-root", "etcd")
		if err == nil {
			err = kube.AssertCondition(cluster, "Available")
		}
		_, _ = w.client.Dynamic.Resource(etcds).Namespace("tenant-root").Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Etcd", "metadata": map[string]any{"name": "etcd", "namespace": "tenant-root"},
		}}, metav1.CreateOptions{})
		patch, _ := json.Marshal(map[string]any{"status": readyConditions(err)})
		_, _ = w.client.Dynamic.Resource(etcds).Namespace("tenant-root").Patch(ctx, "etcd", types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil {
			err = fmt.Errorf("etcd of tenant-root is not ready")
		}
		patch, _ = json.Marshal(map[string]any{"status": readyConditions(err)})
		_, _ = w.client.Dynamic.Resource(tenants).Namespace("tenant-root").Patch(ctx, "root", types.MergePatchType, patch, metav1.PatchOptions{})
	}
}

func (w *rootWorld) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

// run runs the phase with a controller, and with operators unless they are nil.
func (w *rootWorld) run(t *testing.T, operators *operatorsim.Simulation) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { w.control(ctx) })
	if operators != nil {
		operators.Client, operators.Namespace, operators.Kinds = w.client.Dynamic, "tenant-root", operatorsim.Kinds()[:1]
		running.Go(func() { _ = operators.Run(ctx) })
	}
	return w.createTenantRoot().Run(ctx, w.say)
}
