// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"crypto/tls"
	stdx509 "crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config"
)

// validity is how long a node's own certificates last: no lab runs for a day.
const validity = 24 * time.Hour

// identity is what a node shows in TLS.
type identity struct {
	certificate tls.Certificate
	fingerprint string // as printed on the console in maintenance mode
}

// maintenanceIdentity makes a new key, as each boot without a config does.
func maintenanceIdentity(address netip.Addr) (identity, error) {
	ca, err := x509.NewSelfSignedCertificateAuthority(
		x509.CommonName("maintenance-service.talos.dev"), x509.IPAddresses([]net.IP{address.AsSlice()}),
		x509.NotAfter(time.Now().Add(validity)))
	if err != nil {
		return identity{}, fmt.Errorf("make the maintenance key: %w", err)
	}

	certificate, err := tls.X509KeyPair(ca.CrtPEM, ca.KeyPEM)
	if err != nil {
		return identity{}, fmt.Errorf("make the maintenance key: %w", err)
	}

	return identity{certificate: certificate, fingerprint: x509.SPKIFingerprint(ca.Crt).String()}, nil
}

// maintenanceTLS asks no client for a certificate: that is how a client tells maintenance from a configured node.
func maintenanceTLS(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.NoClientCert, MinVersion: tls.VersionTLS13,
	}
}

// mutualTLS lets in only clients of the machine config's authorities.
func mutualTLS(certificate tls.Certificate, security config.Provider) *tls.Config {
	accepted := stdx509.NewCertPool()
	accepted.AppendCertsFromPEM(security.Machine().Security().IssuingCA().Crt)

	for _, ca := range security.Machine().Security().AcceptedCAs() {
		accepted.AppendCertsFromPEM(ca.Crt)
	}

	return &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: accepted,
		MinVersion: tls.VersionTLS13,
	}
}

// sign makes a server certificate with an authority: what a control plane does for itself, and trustd for workers.
func sign(authority *x509.PEMEncodedCertificateAndKey, names []string, addresses []netip.Addr) (tls.Certificate, error) {
	ca, err := x509.NewCertificateAuthorityFromCertificateAndKey(authority)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the machine CA: %w", err)
	}

	var ips []net.IP
	for _, address := range addresses {
		ips = append(ips, address.AsSlice())
	}

	pair, err := x509.NewKeyPair(ca,
		x509.CommonName(names[0]), x509.DNSNames(names), x509.IPAddresses(ips),
		x509.NotBefore(time.Now().Add(-time.Minute)), x509.NotAfter(time.Now().Add(validity)),
		x509.ExtKeyUsage([]stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth}))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign the node's certificate: %w", err)
	}

	return *pair.Certificate, nil
}
