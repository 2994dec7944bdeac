// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"golang.org/x/net/publicsuffix"
)

// maxRedirects is how often an answer may lead elsewhere. registry.k8s.io's does so twice.
const maxRedirects = 5

// Exceptions are what an operator allows beyond TLS to the registries that he named, and to public hosts that these lead to.
// Hosts are written as in an image's name, with a port where it has one. The zero value allows nothing.
type Exceptions struct {
	PlainHTTP  []string // registries, and hosts that these lead to, that are spoken to in plain HTTP
	PlainLogin []string // more of them, which are sent the login too
	// Follow are hosts that a registry may lead to although they are on a private network, or that may be its token service,
	// which gets its login, although they have nothing to do with its name.
	Follow []string
}

// plain are the registries that are spoken to in plain HTTP.
func (e Exceptions) plain() hosts { return hostsOf(e.PlainHTTP...).and(hostsOf(e.PlainLogin...)) }

// guard is how a registry is asked, by whoever asks one. go-containerregistry by itself speaks plain HTTP to private addresses
// and to names in .local, and goes wherever an answer leads it.
type guard struct {
	network    http.RoundTripper
	registry   string // host, with a port where it has one
	login      bool   // it has one, which is not for everybody
	plain      hosts  // may be spoken to in plain HTTP
	plainLogin hosts  // may be sent the login in plain HTTP
	named      hosts  // may be on a private network
	follow     hosts  // may get the login
}

// newGuard makes the guard of a registry. Named are hosts that the operator named, the registry among them or not.
func newGuard(registry string, login bool, allowed Exceptions, named hosts, network http.RoundTripper) *guard {
	follow := hostsOf(allowed.Follow...)
	return &guard{
		network: network, registry: registry, login: login,
		plain: allowed.plain(), plainLogin: hostsOf(allowed.PlainLogin...),
		named: named.and(follow), follow: follow,
	}
}

// RoundTrip is http.RoundTripper's.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.check(r); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nobody reads it any more
		}
		return nil, err
	}
	answer, err := g.network.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &bounded{ReadCloser: answer.Body, left: maxAnswer(r)}
	return answer, nil
}

func (g *guard) check(r *http.Request) error {
	if redirects(r) > maxRedirects { // also by itself: the client counts none
		return errManyRedirects
	}
	home := hostsOf(g.registry).has(r.URL.Host, r.URL.Scheme)
	if err := g.checkPlain(r, home); err != nil || home {
		return err
	}
	if !g.named.has(r.URL.Host, r.URL.Scheme) && isPrivateHost(r.URL.Hostname()) {
		return &AstrayError{Registry: g.registry, Host: r.URL.Host, Why: "which is on a private network"}
	}
	if carries(r) && !g.belongs(r.URL.Hostname()) && !g.follow.has(r.URL.Host, r.URL.Scheme) {
		return &AstrayError{Registry: g.registry, Host: r.URL.Host, Why: "with its login"}
	}
	return nil
}

// checkPlain looks at requests without TLS. Another host than the registry needs an exception of its own, on loopback too.
func (g *guard) checkPlain(r *http.Request, home bool) error {
	if r.URL.Scheme == "https" {
		return nil
	}
	isAllowed := g.plain.has(r.URL.Host, r.URL.Scheme)
	if home {
		isAllowed = g.plain.has(g.registry, "") || isLoopback(g.registry)
	}
	switch {
	case r.URL.Scheme != "http" || !isAllowed:
		return &PlainHTTPError{Host: r.URL.Host, Registry: g.registry}
	case home && g.login && !g.plainLogin.has(g.registry, ""):
		return &PlainLoginError{Registry: g.registry}
	case !home && carries(r) && !g.plainLogin.has(r.URL.Host, r.URL.Scheme):
		return &PlainLoginError{Registry: r.URL.Host}
	}
	return nil
}

// carries reports whether a request has a token or a login, or content that is for the registry alone: it is not only read.
func carries(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || (r.Method != http.MethodGet && r.Method != http.MethodHead)
}

// belongs reports whether a host is the registry's, or of the same domain, as auth.docker.io is of index.docker.io's.
func (g *guard) belongs(host string) bool {
	own := hostname(g.registry)
	if strings.EqualFold(own, host) {
		return true
	}
	if isAddress(own) || isAddress(host) {
		return false
	}
	a, errA := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(own))
	b, errB := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host))
	return errA == nil && errB == nil && a == b
}

// redirects is how many answers led to a request.
func redirects(r *http.Request) int {
	n := 0
	for r.Response != nil && r.Response.Request != nil && n <= maxRedirects {
		r = r.Response.Request
		n++
	}
	return n
}

// maxAnswer bounds the body of an answer, in bytes. A blob may come from a place whose address says nothing of blobs.
func maxAnswer(r *http.Request) int64 {
	isBlob := strings.Contains(r.URL.Path, "/blobs/") || (r.Response != nil && !strings.Contains(r.URL.Path, "/manifests/"))
	if r.Method == http.MethodGet && isBlob {
		return maxFile
	}
	return maxManifest
}

// bounded is a body that is an error when it is too long.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errTooLong
	}
	return n, err
}

// isAnonymous reports whether nobody is logged in.
func isAnonymous(login authn.Authenticator) bool { return login == nil || login == authn.Anonymous }

// isLoopback tells whether host, or host:port, is this host.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(hostname(host))
	return hostname(host) == "localhost" || err == nil && addr.IsLoopback()
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// hostname is a host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}
