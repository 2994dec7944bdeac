// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// right is what a request takes. A resource has its subresource behind a slash.
type right struct{ group, resource, verb string }

func (r right) String() string { return fmt.Sprintf("%s %s.%s", r.verb, r.resource, r.group) }

// rightsFor says of rights that this test does not use why the controller has them. An empty group, resource or verb stands
// for any. Whoever adds a right beyond tenants themselves adds it here, with the test that uses it.
func rightsFor() map[right]string {
	return map[right]string{
		{"rbac.authorization.k8s.io", "clusterroles", "bind"}: "the API server asks for it when a role binding is made",
		{"networking.k8s.io", "networkpolicies", ""}:          "this controller knows no site, and isolates nothing",
		{"cilium.io", "", ""}:                                 "this controller knows no site, and isolates nothing",
		{"", "events", "patch"}:                               "an event that happens again is counted up",
		{"events.k8s.io", "events", "patch"}:                  "an event that happens again is counted up",
		{"", "namespaces", "patch"}:                           "labels of a namespace that somebody changed",
		{"", "limitranges", "delete"}:                         "a tenant whose bounds were taken away",
		// Parts with tests of their own.
		{"apps.cozystack.io", "*", ""}:                              "kinds of applications",
		{"apps.cozystack.io", "etcds", ""}:                          "cluster services",
		{"apps.cozystack.io", "monitorings", ""}:                    "cluster services",
		{"apps.cozystack.io", "ingresses", ""}:                      "cluster services",
		{"apps.cozystack.io", "seaweedfses", ""}:                    "cluster services",
		{"apps.cozystack.io", "tenants", "get"}:                     "deletion of a subtree",
		{"apps.cozystack.io", "tenants", "delete"}:                  "deletion of a subtree",
		{"cozystack.io", "", ""}:                                    "kinds of applications",
		{"helm.toolkit.fluxcd.io", "helmreleases", ""}:              "releases of applications",
		{"rbac.authorization.k8s.io", "roles", ""}:                  "credentials of applications",
		{"rbac.authorization.k8s.io", "rolebindings", "delete"}:     "credentials of applications",
		{"", "configmaps", ""}:                                      "specs of services that were turned off",
		{"", "persistentvolumeclaims", ""}:                          "volumes of services that were turned off",
		{"apiextensions.k8s.io", "customresourcedefinitions", ""}:   "kinds of applications; those of tenants are waited for",
		{"apiextensions.k8s.io", "customresourcedefinitions/*", ""}: "kinds of applications",
	}
}

func (r right) isExplained() bool {
	for known := range rightsFor() {
		if known.group == r.group && (known.resource == "" || known.resource == r.resource) && (known.verb == "" || known.verb == r.verb) {
			return true
		}
	}

	return false
}

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

// rightsAreUsed compares what the controller has asked in all the tests before with what its charts ask for.
func (w *world) rightsAreUsed(t *testing.T) {
	admin, err := client.New(w.plane.RESTConfig(), client.Options{})
	require.NoError(t, err)

	var (
		cluster rbacv1.ClusterRole
		own     rbacv1.Role
	)

	require.NoError(t, admin.Get(t.Context(), client.ObjectKey{Name: "cozy-controller"}, &cluster))
	require.NoError(t, admin.Get(t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: "cozy-controller"}, &own))

	w.requests.mu.Lock()
	defer w.requests.mu.Unlock()

	var unused []string

	for _, rule := range slices.Concat(cluster.Rules, own.Rules) {
		for _, one := range rightsOf(rule) {
			require.NotContains(t, one.resource, "secrets", "the controller reads no Secrets")

			if !w.requests.seen[one] && !one.isExplained() && !slices.Contains(unused, one.String()) {
				unused = append(unused, one.String())
			}
		}
	}

	slices.Sort(unused)
	require.Empty(t, unused, "rights of the controller that nothing used:\n%s", strings.Join(unused, "\n"))

	for one := range w.requests.seen {
		require.False(t, strings.HasPrefix(one.resource, "secrets"), "the controller asks for Secrets: %s", one)
	}
}

func rightsOf(rule rbacv1.PolicyRule) (all []right) {
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				all = append(all, right{group, resource, verb})
			}
		}
	}

	return all
}
