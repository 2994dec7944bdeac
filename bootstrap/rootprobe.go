// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/tenant"
)

const (
	// rootCertificate is the Secret with the certificate of tenant-root's host, which the ingress chart orders.
	rootCertificate = "ingress-tls"
	// probeTimeout bounds one request, and maxPage what is read of the answer, in bytes.
	probeTimeout = 15 * time.Second
	maxPage      = 64 << 10
)

// ingressPage is in the page that ingress-nginx itself answers with where nothing is published at a host.
const ingressPage = "<center>nginx</center>"

// answerOf is what answered at the host of tenant-root.
type answerOf struct {
	Status int
	Issuer string // of the certificate
	// Empty says that the ingress itself answered: nothing is published at the host itself.
	Empty bool
}

// probe asks for a host at an address, without DNS, and holds the answer against what the cluster knows: the certificate is the one
// that was ordered for the host, so who answers holds its key, and the authority that the site names has signed it.
type probe struct {
	Host    string
	Address string // host:port
	Leaf    *x509.Certificate
	Roots   *x509.CertPool // nil: the certificate is signed by itself, and Leaf is all there is to trust
}

func (p probe) ask(ctx context.Context) (answerOf, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.Host+"/", nil)
	if err != nil {
		return answerOf{}, err
	}
	response, err := p.client().Do(request)
	if err != nil {
		return answerOf{}, fmt.Errorf("get https://%s at %s: %w", p.Host, p.Address, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return answerOf{}, fmt.Errorf("read the answer of https://%s at %s: %w", p.Host, p.Address, err)
	}
	out := answerOf{Status: response.StatusCode, Issuer: p.Leaf.Issuer.String()}
	out.Empty = response.StatusCode == http.StatusNotFound && bytes.Contains(body, []byte(ingressPage))
	switch {
	case out.Empty:
	case response.StatusCode >= http.StatusBadRequest:
		return out, fmt.Errorf("https://%s at %s answers %s, and not with the ingress's own page", p.Host, p.Address, response.Status)
	case len(body) == 0 && response.StatusCode < http.StatusMultipleChoices:
		return out, fmt.Errorf("https://%s at %s answers %s with nothing in it", p.Host, p.Address, response.Status)
	}
	return out, nil
}

// asksAtOnce bounds how many addresses are asked side by side.
const asksAtOnce = 8

// askAll asks at every address. One that answers is enough: a node that restarts, or one that serves only what comes through a load
// balancer, must not stop the others. It returns the first that answered, in their order, and why each of the others did not.
func (p probe) askAll(ctx context.Context, addresses []string) (at string, answer answerOf, silent []error) {
	answers, errs := make([]answerOf, len(addresses)), make([]error, len(addresses))
	var group errgroup.Group
	group.SetLimit(asksAtOnce)
	for i, address := range addresses {
		group.Go(func() error {
			one := p
			one.Address = address
			answers[i], errs[i] = one.ask(ctx)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
	for i, address := range addresses {
		switch {
		case errs[i] != nil:
			silent = append(silent, errs[i])
		case at == "":
			at, answer = address, answers[i]
		}
	}
	return at, answer, silent
}

func (p probe) client() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, p.Address)
			},
			DisableKeepAlives: true, MaxResponseHeaderBytes: maxPage,
			TLSClientConfig: &tls.Config{
				ServerName: p.Host, MinVersion: tls.VersionTLS12,
				InsecureSkipVerify: true, //nolint:gosec // verified below, which also knows certificates that are signed by themselves
				VerifyConnection:   p.verify,
			},
		},
	}
}

// verify holds what the server showed against what was ordered.
func (p probe) verify(state tls.ConnectionState) error {
	shown := state.PeerCertificates[0] // never empty for a client
	if !shown.Equal(p.Leaf) {
		return fmt.Errorf("it shows the certificate of %s, by %s, and not the one in Secret %s/%s",
			shown.Subject, shown.Issuer, tenant.RootNamespace, rootCertificate)
	}
	if err := shown.VerifyHostname(p.Host); err != nil {
		return err
	}
	roots := p.Roots
	if roots == nil {
		roots = x509.NewCertPool()
		roots.AddCert(shown)
	}
	between := x509.NewCertPool()
	for _, one := range state.PeerCertificates[1:] {
		between.AddCert(one)
	}
	_, err := shown.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: p.Host})
	return err
}

// orderedCertificate reads the certificate that cert-manager has made for the host, and of the Secret nothing else.
func orderedCertificate(ctx context.Context, client *kube.Client) (*x509.Certificate, error) {
	secret, err := client.Typed.CoreV1().Secrets(tenant.RootNamespace).Get(ctx, rootCertificate, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the ingress in Secret %s/%s: %w", tenant.RootNamespace, rootCertificate, err)
	}
	block, _ := pem.Decode(secret.Data["tls.crt"])
	if block == nil {
		return nil, fmt.Errorf("read the certificate of the ingress in Secret %s/%s: tls.crt is not PEM", tenant.RootNamespace, rootCertificate)
	}
	return x509.ParseCertificate(block.Bytes)
}

// trusted are the authorities that may have signed the site's certificates. Nil: they are signed by themselves. Of an ACME server with
// authorities of its own this host must know them, as everybody who uses the site.
func trusted(s *site.Site) (*x509.CertPool, error) {
	switch given, err := readAuthority(s); {
	case err != nil:
		return nil, err
	case given != nil:
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(given.certificates) {
			return nil, errors.New("certificates.ca holds no certificate")
		}
		return pool, nil
	case s.Certificates.ACME == nil:
		return nil, nil
	}
	return x509.SystemCertPool()
}
