// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// authoritySecret holds the site's certificate authority, where the package that signs with it looks for it.
const authoritySecret = "site-ca"

// letsEncrypt are the directories of Let's Encrypt, which the issuers letsencrypt-prod and letsencrypt-stage ask.
const (
	letsEncrypt      = "https://acme-v02.api.letsencrypt.org/directory"
	letsEncryptStage = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// Issuers of the package cert-manager-issuers.
const (
	issuerSelfSigned  = "selfsigned-cluster-issuer"
	issuerCA          = "custom-ca"
	issuerACME        = "acme"
	issuerLetsEncrypt = "letsencrypt-prod"
	issuerStage       = "letsencrypt-stage"
)

// issuerOf is who signs the certificates of the site.
func issuerOf(c site.Certificates) string {
	switch {
	case c.CA != "":
		return issuerCA
	case c.ACME == nil:
		return issuerSelfSigned
	case c.ACME.Server == letsEncrypt:
		return issuerLetsEncrypt
	case c.ACME.Server == letsEncryptStage:
		return issuerStage
	}
	return issuerACME
}

// addSigners says to packages who signs certificates. Self-signed ones are always to be had.
func addSigners(c site.Certificates, facts bundles.Facts) {
	facts[bundles.FactLetsEncrypt], facts[bundles.FactACMEServer], facts[bundles.FactACMEEmail] = false, "", ""
	facts[bundles.FactCertificateAuthority], facts[bundles.FactIssuer] = "", issuerOf(c)
	if c.CA != "" {
		facts[bundles.FactCertificateAuthority] = authoritySecret
	}
	if c.ACME == nil {
		return
	}
	facts[bundles.FactACMEEmail] = c.ACME.Email
	if c.ACME.Server == letsEncrypt || c.ACME.Server == letsEncryptStage {
		facts[bundles.FactLetsEncrypt] = true
		return
	}
	facts[bundles.FactACMEServer] = c.ACME.Server
}

// signer is a certificate authority: its certificates, its own first, and its key, as PEM. The key is a secret.
type signer struct{ certificates, key []byte }

// readAuthority reads and checks the file that certificates.ca names. Nil: the site names none.
func readAuthority(s *site.Site) (*signer, error) {
	const field = "certificates.ca"
	if s.Certificates.CA == "" {
		return nil, nil
	}
	text, err := readSiteFile(s, field, s.Certificates.CA)
	if err != nil {
		return nil, err
	}
	found, err := parseAuthority([]byte(text), time.Now())
	if err != nil {
		return nil, &SiteFileError{field, s.File(s.Certificates.CA), err}
	}
	return found, nil
}

// parseAuthority never quotes what it reads.
func parseAuthority(text []byte, now time.Time) (*signer, error) {
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, errors.New("not PEM with a certificate, its own one first, and its private key, not encrypted")
	}
	own := pair.Leaf
	switch {
	case !own.IsCA || !own.BasicConstraintsValid:
		return nil, errors.New("its certificate is not that of an authority (CA:TRUE)")
	case own.KeyUsage != 0 && own.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, errors.New("its certificate may not sign others (key usage)")
	case now.After(own.NotAfter):
		return nil, fmt.Errorf("its certificate was valid until %s", own.NotAfter.UTC().Format(time.RFC3339))
	}
	out := &signer{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			out.certificates = append(out.certificates, pem.EncodeToMemory(block)...)
		} else if out.key == nil && bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY")) {
			out.key = pem.EncodeToMemory(block)
		}
	}
	return out, nil
}

// giveAuthority puts the site's certificate authority where the package that takes it looks for it, before it comes.
func (b *bringup) giveAuthority(ctx context.Context, client *kube.Client, flux *bundles.Flux) error {
	given, err := readAuthority(b.site)
	if given == nil {
		return err
	}
	namespace := b.authorityNamespace()
	if err := flux.ApplyNamespace(ctx, b.plan, namespace); err != nil {
		return err
	}
	secret := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
		"metadata": map[string]any{"name": authoritySecret, "namespace": namespace},
		"data": map[string]any{
			"tls.crt": base64.StdEncoding.EncodeToString(given.certificates),
			"tls.key": base64.StdEncoding.EncodeToString(given.key),
		},
	}}
	return client.Apply(ctx, schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, secret)
}

// authorityNamespace is that of the package which takes the certificate authority: the plan has one, or was refused.
func (b *bringup) authorityNamespace() string {
	for _, p := range b.plan.Packages {
		if p.Takes(bundles.FactCertificateAuthority) {
			return p.Namespace
		}
	}
	return ""
}
