// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

func (p onPlane) standInAnswersWebhooks(t *testing.T) {
	registerWebhook(t, p, "allowed", "guarded=allowed")
	_, err := p.client.CoreV1().ConfigMaps("default").Create(t.Context(), configMap("allowed"), metav1.CreateOptions{})
	require.NoError(t, err, "with failurePolicy Fail, somebody must have answered")
	require.Contains(t, logTail(p.cfg.Dir+"/log/labplane.log", 1<<20), `"simulated webhook answered" kind="AdmissionReview" service="allowed.default.svc"`)
}

func (p onPlane) routedWebhookDecides(t *testing.T) {
	registerWebhook(t, p, "refused", "guarded=refused")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review map[string]any
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
		}
		request, _ := review["request"].(map[string]any)
		review["response"] = map[string]any{"uid": request["uid"], "allowed": false, "status": map[string]any{"message": "not on my watch"}}
		_ = json.NewEncoder(w).Encode(review)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{webhookCertificate(t, p, "refused.default.svc")}}
	server.StartTLS()
	defer server.Close()
	require.NoError(t, p.RouteService("default", "refused", 443, server.Listener.Addr().String()))
	_, err := p.client.CoreV1().ConfigMaps("default").Create(t.Context(), configMap("refused"), metav1.CreateOptions{})
	require.ErrorContains(t, err, "not on my watch")
	require.ErrorContains(t, p.RouteService("default", "refused", 443, "nowhere"), "not host:port")
}

// registerWebhook sends ConfigMaps with the label to Service name; an empty caBundle stands for the stand-in's authority.
func registerWebhook(t *testing.T, p onPlane, name, label string) {
	t.Helper()
	selector, err := metav1.ParseToLabelSelector(label)
	require.NoError(t, err)
	fail, none, scope := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.AllScopes
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: name + ".lab.test", FailurePolicy: &fail, SideEffects: &none, ObjectSelector: selector, AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "default", Name: name}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}, Scope: &scope},
			}},
		}},
	}
	hooks := p.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err = hooks.Create(t.Context(), hook, metav1.CreateOptions{})
	require.NoError(t, err)
	// The API server uses a configuration about a second after it was stored.
	time.Sleep(1500 * time.Millisecond)
}

func configMap(guarded string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "guarded-", Labels: map[string]string{"guarded": guarded}}}
}

func webhookCertificate(t *testing.T, p onPlane, name string) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.pki.files["webhook-ca.crt"], p.pki.files["webhook-ca.key"])
	require.NoError(t, err)
	issued := &pki{files: map[string][]byte{}}
	issuer := authority{certificate: pair.Leaf, key: pair.PrivateKey.(*ecdsa.PrivateKey)}
	require.NoError(t, issued.issue("hook", issuer, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}))
	certificate, err := tls.X509KeyPair(issued.files["hook.crt"], issued.files["hook.key"])
	require.NoError(t, err)
	return certificate
}

const convertedCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.lab.test}
spec:
  group: lab.test
  names: {kind: Thing, plural: things}
  scope: Namespaced
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v1]
      clientConfig: {service: {namespace: default, name: converter}}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
  - {name: v1beta1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}
`

func (p onPlane) standInConverts(t *testing.T) {
	client, err := dynamic.NewForConfig(p.RESTConfig())
	require.NoError(t, err)
	definition := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(convertedCRD), &definition.Object))
	definitions := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	_, err = definitions.Create(t.Context(), definition, metav1.CreateOptions{})
	require.NoError(t, err)
	things := func(version string) dynamic.ResourceInterface {
		return client.Resource(schema.GroupVersionResource{Group: "lab.test", Version: version, Resource: "things"}).Namespace("default")
	}
	thing := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "lab.test/v1beta1", "kind": "Thing", "metadata": map[string]any{"name": "a"}}}
	eventually(t, "the older version to be accepted", 20*time.Second, probeCreate(things("v1beta1"), thing))
	stored, err := things("v1").Get(t.Context(), "a", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "lab.test/v1", stored.GetAPIVersion())
}
