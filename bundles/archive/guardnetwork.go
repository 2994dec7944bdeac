// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// dialTimeout bounds connecting to one host.
const dialTimeout = 30 * time.Second

// hosts are hosts with their ports: registry.example.org:443.
type hosts map[string]bool

// hostsOf reads hosts as images' names have them. One without a port has those of HTTP and HTTPS.
func hostsOf(names ...string) hosts {
	out := hosts{}
	for _, name := range names {
		if _, port, err := net.SplitHostPort(name); err == nil && port != "" {
			out[strings.ToLower(name)] = true
			continue
		}
		for _, port := range []string{"80", "443"} {
			out[strings.ToLower(net.JoinHostPort(hostname(name), port))] = true
		}
	}
	return out
}

// has looks for the host of a URL of that scheme. Empty: either.
func (h hosts) has(host, scheme string) bool {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return h[strings.ToLower(host)]
	}
	ports := map[string][]string{"http": {"80"}, "https": {"443"}, "": {"443", "80"}}[scheme]
	for _, port := range ports {
		if h[strings.ToLower(net.JoinHostPort(hostname(host), port))] {
			return true
		}
	}
	return false
}

func (h hosts) and(more hosts) hosts {
	out := maps.Clone(h)
	if out == nil {
		out = hosts{}
	}
	maps.Copy(out, more)
	return out
}

// newNetwork is the transport to registries: Go's own, but for addresses of private networks, to which only names lead that
// are named. A proxy of the environment is reached wherever it is, and is then the one who knows addresses.
func newNetwork(named hosts) *http.Transport {
	var mu sync.Mutex
	proxies := hosts{}
	out := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	out.ResponseHeaderTimeout, out.MaxResponseHeaderBytes = answerTimeout, maxHead<<2
	out.Proxy = func(r *http.Request) (*url.URL, error) {
		proxy, err := http.ProxyFromEnvironment(r)
		if err == nil && proxy != nil {
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(proxies, hostsOf(proxy.Host))
		}
		return proxy, err
	}
	out.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		isFree := proxies.has(address, "") || named.has(address, "")
		mu.Unlock()
		dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}
		if !isFree {
			dialer.ControlContext = func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
				if isPrivateHost(hostname(resolved)) {
					return &AstrayError{Host: address, Why: "which is on a private network (" + resolved + ")"}
				}
				return nil
			}
		}
		return dialer.DialContext(ctx, network, address)
	}
	return out
}

// isPrivateHost reports whether a name or an address says that it is of no public network.
func isPrivateHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		name := "." + strings.ToLower(strings.TrimSuffix(host, "."))
		return strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".internal")
	}
	addr = addr.Unmap().WithZone("")
	if netip.MustParsePrefix("64:ff9b::/96").Contains(addr) { // NAT64: an IPv4 address is at its end
		raw := addr.As16()
		addr = netip.AddrFrom4([4]byte(raw[12:]))
	}
	for _, network := range privateNetworks() {
		if network.Contains(addr) {
			return true
		}
	}
	return !addr.IsGlobalUnicast()
}

// privateNetworks are those of IANA's registries of special addresses (RFC 6890) that are not globally reachable, and those
// that lead to IPv4 addresses by way of IPv6.
func privateNetworks() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
	}
}
