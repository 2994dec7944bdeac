// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/rest"
)

// right is what a request takes. A resource has its subresource behind a slash.
type right struct{ group, resource, verb string }

func (r right) String() string { return fmt.Sprintf("%s %s.%s", r.verb, r.resource, r.group) }

// requests stands between the controller and the API server, and notes which rights the requests took.
type requests struct {
	url string

	mu   sync.Mutex
	seen map[right]bool
}

func (w *world) noteRequests(t *testing.T) *requests {
	t.Helper()

	config := w.plane.RESTConfig()
	target, err := url.Parse(config.Host)
	require.NoError(t, err)

	transport, err := rest.TransportFor(config)
	require.NoError(t, err)

	n := &requests{seen: map[right]bool{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1, // watches
		ModifyResponse: n.note,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})

	n.url = server.URL

	return n
}

func (n *requests) note(response *http.Response) error {
	if response.StatusCode == http.StatusForbidden {
		return nil
	}

	prefixes := sets.NewString("api")
	resolver := &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: prefixes}

	info, err := resolver.NewRequestInfo(response.Request)
	if err != nil || !info.IsResourceRequest {
		return err
	}

	resource := info.Resource
	if info.Subresource != "" {
		resource += "/" + info.Subresource
	}

	n.mu.Lock()
	defer n.mu.Unlock()

	n.seen[right{info.APIGroup, resource, info.Verb}] = true

	// Such a watch begins with all there is. Servers that can't do so are asked for a list instead.
	if info.Verb == "watch" && response.Request.URL.Query().Has("sendInitialEvents") {
		n.seen[right{info.APIGroup, resource, "list"}] = true
	}

	// An apply that makes the object takes the right to create it.
	if response.StatusCode == http.StatusCreated {
		n.seen[right{info.APIGroup, resource, "create"}] = true
	}

	return nil
}

// have tells whether a request took a right. That on every kind of a group is taken by a request for any.
func (n *requests) have(one right) bool {
	n.mu.Lock()
	defer n.mu.Unlock()

	if one.resource != "*" && one.resource != "*/*" {
		return n.seen[one]
	}

	for seen := range n.seen {
		if seen.group == one.group && seen.verb == one.verb && seen.resource != "tenants" && seen.resource != "tenantlimits" {
			return true
		}
	}

	return false
}
