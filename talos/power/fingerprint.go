// SPDX-License-Identifier: Apache-2.0

package power

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// tlsConfig trusts the certificate with the fingerprint alone, or without one what this host trusts. Either way the login is
// sent only to who has proven the certificate's key.
func (b BMC) tlsConfig() (*tls.Config, error) {
	want, err := ParseFingerprint(b.Fingerprint)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12, // what older controllers speak
		InsecureSkipVerify: true,             //nolint:gosec // VerifyConnection below decides
		VerifyConnection: func(state tls.ConnectionState) error {
			leaf := state.PeerCertificates[0]
			seen := sha256.Sum256(leaf.Raw)
			if want != nil {
				if string(want) == string(seen[:]) {
					return nil
				}
				return &CertificateError{Fingerprint: hex.EncodeToString(seen[:]), Pinned: true}
			}
			between := x509.NewCertPool()
			for _, certificate := range state.PeerCertificates[1:] {
				between.AddCert(certificate)
			}
			if _, err := leaf.Verify(x509.VerifyOptions{DNSName: state.ServerName, Intermediates: between}); err != nil {
				return &CertificateError{Fingerprint: hex.EncodeToString(seen[:]), Err: err}
			}
			return nil
		},
	}, nil
}

// ParseFingerprint reads a SHA-256 in hexadecimal, with or without colons. Empty gives nil.
func ParseFingerprint(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("fingerprint %q: not the SHA-256 of a certificate", text)
	}
	return sum, nil
}

// CertificateError says that a controller's certificate is not to be trusted. No login was sent.
type CertificateError struct {
	Fingerprint string // of what it showed
	Pinned      bool   // another one is expected
	Err         error  // nil when Pinned
}

// Error implements error.
func (e *CertificateError) Error() string {
	if e.Pinned {
		return "its certificate has the fingerprint " + e.Fingerprint + ", which is not the expected one"
	}
	return fmt.Sprintf("its certificate (%s) is not trusted: %v", e.Fingerprint, e.Err)
}

// Unwrap returns why.
func (e *CertificateError) Unwrap() error { return e.Err }

// Hint says how to trust it.
func (e *CertificateError) Hint() string {
	return "look at the certificate's SHA-256 fingerprint in the controller's own web page or on its console, and if it is " + e.Fingerprint +
		", write it into the node's bmc.fingerprint"
}
