// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"net/http"
	"sync"

	"github.com/cozystack/cozy-install/bundles"
)

// GuardCharts is the guard of registries that charts come from. Follow are hosts that these may lead to although they are on a private
// network, or that may be their token services, as in [Exceptions].
func GuardCharts(follow []string) bundles.Guard {
	var mu sync.Mutex
	networks := map[string]http.RoundTripper{} // by registry: connections are used again
	return func(registry string, plain bool, network http.RoundTripper) http.RoundTripper {
		allowed := Exceptions{Follow: follow}
		if plain {
			allowed.PlainHTTP = []string{registry} // without a login: bundles sends it none
		}
		named := hostsOf(registry)
		if network == nil {
			mu.Lock()
			defer mu.Unlock()
			if networks[registry] == nil {
				networks[registry] = newNetwork(named.and(hostsOf(follow...)))
			}
			network = networks[registry]
		}
		return chartGuard{newGuard(registry, false, allowed, named, network)}
	}
}

// chartGuard is a guard whose errors name the options of charts.
type chartGuard struct{ *guard }

// RoundTrip is http.RoundTripper's.
func (g chartGuard) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := g.guard.RoundTrip(r)
	if astray, plain := (*AstrayError)(nil), (*PlainHTTPError)(nil); errors.As(err, &astray) || errors.As(err, &plain) {
		return nil, &ChartAstrayError{Host: r.URL.Host, Plain: plain != nil, Err: err}
	}
	return answer, err
}

// ChartAstrayError says that a registry of charts led to where it may not lead.
type ChartAstrayError struct {
	Host  string
	Plain bool // in plain HTTP
	Err   error
}

func (e *ChartAstrayError) Error() string { return e.Err.Error() }
func (e *ChartAstrayError) Unwrap() error { return e.Err }

// Hint says how to allow it, where it can be.
func (e *ChartAstrayError) Hint() string {
	if e.Plain {
		return "name a chart source that answers by itself, or leads on by HTTPS"
	}
	return "if that is right, give --chart-follow=" + e.Host
}
