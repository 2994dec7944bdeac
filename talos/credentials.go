// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"go.yaml.in/yaml/v3"
)

// Credentials are an administrator's key for the Talos API of one cluster, with the authorities its nodes are signed
// by. They print as a placeholder. Safe for concurrent use.
type Credentials struct {
	authorities []*x509.Certificate
	certificate tls.Certificate
}

// Talosconfig writes an administrator's client configuration, as talosctl reads it. It holds a new key, so no two
// calls agree: make it once and keep it. The certificate is valid for a year from the time the secrets were made or
// parsed. Endpoints are the control planes' names or addresses.
func Talosconfig(c Cluster, s *Secrets, endpoints []string) ([]byte, error) {
	if err := checkSecrets(s); err != nil {
		return nil, fmt.Errorf("make talosconfig: %w", err)
	}

	certificate, err := s.bundle.GenerateTalosAPIClientCertificate(role.MakeSet(role.Admin))
	if err != nil {
		return nil, fmt.Errorf("make talosconfig: %w", err)
	}

	data, err := clientconfig.NewConfig(c.Name, endpoints, s.bundle.Certs.OS.Crt, certificate).Bytes()
	if err != nil {
		return nil, fmt.Errorf("make talosconfig: %w", err)
	}

	return data, nil
}

// ParseCredentials reads the current context of a talosconfig. Errors never quote the data.
func ParseCredentials(talosconfig []byte) (*Credentials, error) {
	// The library's own reader panics on a context that is null.
	var parsed clientconfig.Config
	if err := yaml.Unmarshal(talosconfig, &parsed); err != nil {
		return nil, fmt.Errorf("read talosconfig: not a talosconfig%s", yamlLine(err))
	}

	current := parsed.Contexts[parsed.Context]
	if current == nil {
		return nil, errors.New("read talosconfig: it has no current context")
	}

	authorities, err := parseAuthorities(current.CA)
	if err != nil {
		return nil, fmt.Errorf("read talosconfig: ca: %w", err)
	}

	certificate, err := client.CertificateFromConfigContext(current)
	if err != nil {
		return nil, fmt.Errorf("read talosconfig: %w", err)
	}

	if certificate == nil {
		return nil, errors.New("read talosconfig: it has no client certificate")
	}

	return &Credentials{authorities, *certificate}, nil
}

func parseAuthorities(encoded string) ([]*x509.Certificate, error) {
	rest, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}

	var found []*x509.Certificate

	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}

		authority, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}

		found = append(found, authority)
	}

	if len(found) == 0 {
		return nil, errors.New("holds no certificate")
	}

	return found, nil
}

// signed reports whether one of our authorities signed the certificate. It leaves the period of validity alone: whose
// a machine is does not depend on its clock, which is often wrong before it has been synchronised. Talos's authority
// signs nodes directly, without intermediates.
func (c *Credentials) signed(certificate *x509.Certificate) bool {
	if c == nil {
		return false
	}

	for _, authority := range c.authorities {
		if certificate.CheckSignatureFrom(authority) == nil {
			return true
		}
	}

	return false
}

// tlsConfig is for mutual TLS with a node: its certificate must be ours, in date, and made for the address we dial.
func (c *Credentials) tlsConfig() *tls.Config {
	roots := x509.NewCertPool()
	for _, authority := range c.authorities {
		roots.AddCert(authority)
	}

	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{c.certificate}, MinVersion: tls.VersionTLS13}
}
