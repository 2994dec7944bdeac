// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/lab/operatorsim"
)

func answering(t *testing.T, host string, handler http.HandlerFunc) (*operatorsim.Site, probe) {
	t.Helper()
	var h http.Handler
	if handler != nil {
		h = handler
	}
	served, err := operatorsim.NewSite(host, h)
	require.NoError(t, err)
	t.Cleanup(served.Close)
	block, _ := pem.Decode(served.Certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(served.Authority))
	return served, probe{Host: "example.org", Address: served.Listener.Addr().String(), Leaf: leaf, Roots: roots}
}

func TestOnlyTheIngressOfTheRootIsTakenForIt(t *testing.T) {
	page := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "example.org" || r.TLS.ServerName != "example.org" {
				status = http.StatusMisdirectedRequest
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	for name, tt := range map[string]struct {
		host    string
		handler http.HandlerFunc
		want    string
	}{
		"the ingress itself":     {"example.org", nil, ""},
		"an application":         {"example.org", page(http.StatusOK, "welcome"), ""},
		"somebody else's 404":    {"example.org", page(http.StatusNotFound, "no such page"), "404 Not Found, and not with the ingress's own page"},
		"a page without backend": {"example.org", page(http.StatusServiceUnavailable, operatorsim.Page), "503 Service Unavailable"},
		"nothing":                {"example.org", page(http.StatusOK, ""), "with nothing in it"},
		"another host":           {"example.com", nil, "example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			_, asked := answering(t, tt.host, tt.handler)
			_, err := asked.ask(t.Context())
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestACertificateOfSomebodyElseIsRefused(t *testing.T) {
	_, asked := answering(t, "example.org", nil)
	other, wrong := answering(t, "example.org", nil)
	asked.Address = other.Listener.Addr().String()
	_, err := asked.ask(t.Context())
	require.ErrorContains(t, err, "and not the one in Secret tenant-root/ingress-tls", "as the fake one of an ingress without its own")

	wrong.Roots = asked.Roots // another authority than the site's
	_, err = wrong.ask(t.Context())
	require.ErrorContains(t, err, "certificate")
	wrong.Roots = nil // where certificates are signed by themselves, the one in the Secret is all there is to trust
	_, err = wrong.ask(t.Context())
	require.NoError(t, err)
}

func TestAnEndlessOrSilentAnswerEnds(t *testing.T) {
	_, asked := answering(t, "example.org", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<12)); err != nil {
				return
			}
		}
	})
	_, err := asked.ask(t.Context())
	require.NoError(t, err, "only its beginning is read")

	_, asked = answering(t, "example.org", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = asked.ask(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// As where a node is restarting whose address is published with those of the others.
func TestOneAddressThatAnswersIsEnoughAndTheOthersAreNamed(t *testing.T) {
	served, asked := answering(t, "example.org", nil)
	other, _ := answering(t, "example.org", nil)
	gone, _ := answering(t, "example.org", nil)
	gone.Close()
	right, wrong, closed := served.Listener.Addr().String(), other.Listener.Addr().String(), gone.Listener.Addr().String()

	at, answer, silent := asked.askAll(t.Context(), []string{closed, right, wrong})
	require.Equal(t, right, at)
	require.True(t, answer.Empty)
	require.Len(t, silent, 2)
	require.ErrorContains(t, silent[0], closed)
	require.ErrorContains(t, silent[1], "and not the one in Secret tenant-root/ingress-tls")

	at, _, silent = asked.askAll(t.Context(), []string{closed})
	require.Empty(t, at)
	require.Len(t, silent, 1)
}

func TestAnIngressIsReachedWhereItsServiceIsPublished(t *testing.T) {
	service := func(of corev1.ServiceType, external []string, balancers ...corev1.LoadBalancerIngress) *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "ingress", Labels: map[string]string{
				"apps.cozystack.io/application.kind": "Ingress", "apps.cozystack.io/application.name": "ingress",
			}},
			Spec: corev1.ServiceSpec{
				Type: of, ExternalIPs: external, Ports: []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "https", Port: 443, NodePort: 30443}},
			},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: balancers}},
		}
	}
	node := func(name, address string, ready corev1.ConditionStatus) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}},
		}}
	}
	for name, tt := range map[string]struct {
		service *corev1.Service
		want    []string
	}{
		"a load balancer's addresses and names": {
			service(corev1.ServiceTypeLoadBalancer, nil, corev1.LoadBalancerIngress{IP: "192.0.2.7"}, corev1.LoadBalancerIngress{Hostname: "lb.example.net"}),
			[]string{"192.0.2.7:443", "lb.example.net:443"},
		},
		"a load balancer that is not there yet": {service(corev1.ServiceTypeLoadBalancer, nil), nil},
		"addresses of the site":                 {service(corev1.ServiceTypeClusterIP, []string{"192.0.2.8", "2001:db8::8"}), []string{"192.0.2.8:443", "[2001:db8::8]:443"}},
		"nodes that are ready":                  {service(corev1.ServiceTypeNodePort, nil), []string{"10.0.0.1:30443"}},
		"nowhere":                               {service(corev1.ServiceTypeClusterIP, nil), nil},
	} {
		t.Run(name, func(t *testing.T) {
			client := &kube.Client{Typed: fake.NewClientset(tt.service, node("a", "10.0.0.1", corev1.ConditionTrue), node("b", "10.0.0.2", corev1.ConditionFalse))}
			at, err := publishedAt(t.Context(), client)
			if tt.want == nil {
				require.ErrorContains(t, err, "no address is published: Service tenant-root/ingress of type "+string(tt.service.Spec.Type)+" has none")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, at.addresses())
		})
	}
}

func TestRecordsLeadTheHostAndAllBelowItToTheIngress(t *testing.T) {
	var lines []string
	for _, record := range recordsOf("example.org", published{Hosts: []string{"192.0.2.7", "2001:db8::7", "lb.example.net"}, Port: 443}) {
		lines = append(lines, record.String())
	}
	require.Equal(t, []string{
		"example.org. A 192.0.2.7", "example.org. AAAA 2001:db8::7", "example.org. CNAME lb.example.net.",
		"*.example.org. A 192.0.2.7", "*.example.org. AAAA 2001:db8::7", "*.example.org. CNAME lb.example.net.",
	}, lines)
}
