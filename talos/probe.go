// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	siderox509 "github.com/siderolabs/crypto/x509"
)

// State is what a machine is, as far as can be told without its help.
type State string

// The states of a machine.
const (
	// Unreachable: nothing answers there, or nothing that speaks TLS.
	Unreachable State = "unreachable"
	// Maintenance: Talos without a config; everybody may read and send one.
	Maintenance State = "maintenance"
	// Ours: its certificate is signed by our cluster's authority.
	Ours State = "ours"
	// Foreign: it is configured, and not by us. It must not be touched.
	Foreign State = "foreign"
)

// Answer is what a probe found out.
type Answer struct {
	State State
	// Fingerprint of the machine's key, in the form Talos prints on its console: base64 of the SHA-256 of the public
	// key. In maintenance the key is new at every boot. Empty when unreachable.
	Fingerprint string
}

// RefusedError says that a machine of our cluster does not accept our certificate.
type RefusedError struct {
	Addr netip.AddrPort
	Err  error
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("probe %s: the node is ours but refuses our certificate: %v", e.Addr, e.Err)
}

// Unwrap returns the alert the node sent.
func (e *RefusedError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *RefusedError) Hint() string {
	return "compare the clocks of the node and of this machine; a talosconfig is valid for one year"
}

const (
	// probeTimeout bounds a whole probe: a machine that is switched off answers nothing at all.
	probeTimeout = 5 * time.Second
	// verdictTimeout bounds the wait for the node's verdict on our certificate, which TLS 1.3 gives after the
	// handshake. An accepting node speaks at once, for HTTP/2 begins with its settings.
	verdictTimeout = 2 * time.Second
)

// Probe tells what a machine is, by one TLS handshake: Talos asks for a client's certificate exactly when it has a
// config. Our own certificate is shown to nobody but a machine of our cluster. A nil creds means there is no cluster
// yet: every configured machine is foreign. It takes five seconds at most.
//
// The error says why a machine is unreachable; for other states it is nil, but for a [*RefusedError] beside Ours.
func Probe(ctx context.Context, addr netip.AddrPort, creds *Credentials) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()

	seen := handshake{creds: creds}
	dialer := tls.Dialer{Config: seen.config()}

	conn, err := dialer.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return Answer{State: Unreachable}, fmt.Errorf("probe %s: %w", addr, err)
	}

	defer conn.Close()

	answer := Answer{State: seen.state(), Fingerprint: seen.fingerprint}
	if answer.State != Ours {
		return answer, nil
	}

	err = verdict(ctx, conn)

	var remote *net.OpError

	switch {
	case err == nil:
		return answer, nil
	case errors.As(err, &remote) && remote.Op == "remote error": // a TLS alert, as crypto/tls reports it
		return answer, &RefusedError{addr, err}
	default:
		return Answer{State: Unreachable}, fmt.Errorf("probe %s: %w", addr, err)
	}
}

// verdict waits for the first byte of an accepting node. A node that stays silent has not refused.
func verdict(ctx context.Context, conn net.Conn) error {
	until := time.Now().Add(verdictTimeout)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
		until = deadline
	}

	if err := conn.SetReadDeadline(until); err != nil {
		return err
	}

	_, err := conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}

	return err
}

// handshake is what is seen while the connection is made.
type handshake struct {
	creds       *Credentials
	fingerprint string
	ours        bool // the server's certificate is signed by our authority
	asked       bool // the server wants a client certificate
}

// config accepts every certificate, for looking at it is the purpose; possession of its key is proven all the same.
// The client's certificate is asked for after the server's has been seen (RFC 8446, section 4.3.2 and figure 1).
func (h *handshake) config() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // see above
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"}, // gRPC servers hang up on clients that speak nothing else
		VerifyConnection: func(state tls.ConnectionState) error {
			leaf := state.PeerCertificates[0]
			h.fingerprint = siderox509.SPKIFingerprint(leaf).String()
			h.ours = h.creds.signed(leaf)

			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			h.asked = true

			if h.ours {
				return &h.creds.certificate, nil
			}

			return &tls.Certificate{}, nil
		},
	}
}

func (h *handshake) state() State {
	switch {
	case h.ours && h.asked:
		return Ours
	case h.asked:
		return Foreign
	default:
		return Maintenance
	}
}
