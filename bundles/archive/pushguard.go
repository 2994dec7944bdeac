// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// maxPushAnswer bounds one answer of a registry that is pushed to: tokens and error texts.
const maxPushAnswer = 1 << 20

// guarded keeps a push from talking without TLS to anybody but this host, unless that was asked for: go-containerregistry by
// itself does so to private addresses and to names in .local. It also bounds answers.
type guarded struct {
	network http.RoundTripper
	plain   bool // plain HTTP is allowed
}

// RoundTrip is http.RoundTripper's.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !g.plain && !isLoopback(r.URL.Host) {
		return nil, &PlainHTTPError{r.URL.Host}
	}
	answer, err := g.network.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxPushAnswer), answer.Body}
	return answer, nil
}

// PlainHTTPError says that a registry was not spoken to because it has no TLS.
type PlainHTTPError struct{ Host string }

func (e *PlainHTTPError) Error() string {
	return fmt.Sprintf("plain HTTP to %s is not allowed", e.Host)
}

// isLoopback tells whether host, or host:port, is this host.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
