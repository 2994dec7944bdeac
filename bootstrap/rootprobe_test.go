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
