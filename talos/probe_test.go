// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func fingerprint(t *testing.T, config *tls.Config) string {
	t.Helper()

	printed, err := x509.SPKIFingerprintFromDER(config.Certificates[0].Certificate[0])
	require.NoError(t, err)

	return printed.String()
}

func TestProbeTellsMachinesApart(t *testing.T) {
	secrets := testSecrets(t)
	creds := testCredentials(t, secrets)

	maintenance, ours, foreign := maintenanceTLS(t), clusterTLS(t, secrets), foreignTLS(t)
	// Before its time is synchronised a node's certificates may be of any age.
	oldClock := clusterTLS(t, secrets, x509.NotBefore(time.Unix(0, 0)), x509.NotAfter(time.Unix(86400, 0)))

	for name, test := range map[string]struct {
		config *tls.Config
		creds  *talos.Credentials
		want   talos.State
	}{
		"maintenance":                       {maintenance, creds, talos.Maintenance},
		"maintenance before there are keys": {maintenance, nil, talos.Maintenance},
		"ours":                              {ours, creds, talos.Ours},
		"ours with a wrong clock":           {oldClock, creds, talos.Ours},
		"configured before there are keys":  {ours, nil, talos.Foreign},
		"configured by somebody else":       {foreign, creds, talos.Foreign},
	} {
		t.Run(name, func(t *testing.T) {
			addr := (&fakeNode{}).serve(t, test.config)

			answer, err := talos.Probe(t.Context(), addr, test.creds)
			require.NoError(t, err)
			require.Equal(t, test.want, answer.State)
			require.Equal(t, fingerprint(t, test.config), answer.Fingerprint)
		})
	}
}

func TestProbeShowsOurCertificateToNobodyElse(t *testing.T) {
	creds := testCredentials(t, testSecrets(t))

	shown := make(chan int, 1)
	config := foreignTLS(t)
	config.ClientAuth = tls.RequestClientCert
	config.VerifyConnection = func(state tls.ConnectionState) error {
		shown <- len(state.PeerCertificates)

		return nil
	}

	answer, err := talos.Probe(t.Context(), (&fakeNode{}).serve(t, config), creds)
	require.NoError(t, err)
	require.Equal(t, talos.Foreign, answer.State)
	require.Zero(t, <-shown)
}

func TestProbeReportsANodeThatRefusesUs(t *testing.T) {
	secrets := testSecrets(t)

	config := clusterTLS(t, secrets)
	config.Time = func() time.Time { return time.Now().Add(-50 * 365 * 24 * time.Hour) }

	answer, err := talos.Probe(t.Context(), (&fakeNode{}).serve(t, config), testCredentials(t, secrets))

	var refused *talos.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Hint(), "clock")
	require.Equal(t, talos.Ours, answer.State, "a node that refuses us is still not foreign")
}

// listen accepts connections and hands them to the test's misbehaviour.
func listen(t *testing.T, behave func(net.Conn)) netip.AddrPort {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)

	done := make(chan struct{})

	go func() {
		defer close(done)

		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}

			behave(conn)
			_ = conn.Close()
		}
	}()

	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})

	return netip.MustParseAddrPort(listener.Addr().String())
}

func TestProbeOfWhatIsNoTalosNodeIsUnreachableAndSaysWhy(t *testing.T) {
	creds := testCredentials(t, testSecrets(t))

	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())

	for name, addr := range map[string]netip.AddrPort{
		"nobody listens": netip.MustParseAddrPort(nobody.Addr().String()),
		"hangs up":       listen(t, func(net.Conn) {}),
		"not TLS":        listen(t, func(c net.Conn) { _, _ = io.WriteString(c, strings.Repeat("SSH-2.0\r\n", 9)) }),
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := talos.Probe(t.Context(), addr, creds)
			require.ErrorContains(t, err, "probe "+addr.String())
			require.Equal(t, talos.Answer{State: talos.Unreachable}, answer)
		})
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	addr := listen(t, func(net.Conn) { <-release })

	defer close(release)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	started := time.Now()
	answer, err := talos.Probe(ctx, addr, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, talos.Unreachable, answer.State)
	require.Less(t, time.Since(started), 3*time.Second)
}

func TestCredentialsNeedACertificateAndAnAuthority(t *testing.T) {
	data, err := talos.Talosconfig(testCluster(), testSecrets(t), []string{"10.77.0.11"})
	require.NoError(t, err)

	good := string(data)

	for name, test := range map[string]struct{ data, want string }{
		"empty":          {"", "no current context"},
		"null context":   {"context: lab\ncontexts:\n  lab:\n", "no current context"},
		"not YAML":       {"{{", "not a talosconfig"},
		"other context":  {strings.Replace(good, "context: lab", "context: other", 1), "no current context"},
		"no authority":   {strings.Replace(good, " ca: ", " ca: AAAA # ", 1), "ca: holds no certificate"},
		"no certificate": {strings.NewReplacer(" crt: ", " crt: '' # ", " key: ", " key: '' # ").Replace(good), "no client certificate"},
		"half a pair":    {strings.Replace(good, " key: ", " key: '' # ", 1), "read talosconfig"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := talos.ParseCredentials([]byte(test.data))
			require.ErrorContains(t, err, test.want)
		})
	}

	_, err = talos.Talosconfig(testCluster(), nil, nil)
	require.ErrorContains(t, err, "secrets")
}

func FuzzParseCredentials(f *testing.F) {
	f.Add([]byte("context: a\ncontexts:\n  a:\n    ca: AAAA\n"))

	if data, err := os.ReadFile("testdata/secrets-test-only.yaml"); err == nil {
		f.Add(data)
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		creds, err := talos.ParseCredentials(data)
		if (creds == nil) == (err == nil) {
			t.Fatalf("got credentials %v and error %v", creds, err)
		}
	})
}
