// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// answerUserOfAlpha answers as the API server does to somebody with a level in tenant-alpha and so in what is below it.
func answerUserOfAlpha(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")

	const list = `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "TenantList", "items": [`

	switch path := r.URL.Path; {
	case r.Method == http.MethodGet && strings.HasSuffix(path, "/namespaces/tenant-alpha/tenants"):
		_, _ = w.Write([]byte(list + `{"metadata": {"namespace": "tenant-alpha", "name": "beta"}, "status": {"namespace": "tenant-alpha-beta",
			"host": "beta.alpha.example.org", "parent": "tenant-alpha"}}]}`))
	case r.Method == http.MethodGet && strings.HasSuffix(path, "/namespaces/tenant-alpha-beta/tenants"):
		_, _ = w.Write([]byte(list + `]}`))
	case strings.HasPrefix(path, "/api/v1/namespaces/tenant-alpha") && strings.Contains(path, "/pods/"):
		answerPods(w, r)
	case strings.HasSuffix(path, "/namespaces/tenant-alpha/serviceaccounts/tenant-use/token"):
		answerTenants(w, r)
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/namespaces/tenant-alpha/tenants"):
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "gamma", "namespace": "tenant-alpha"}}`))
	default:
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "forbidden: ` +
			path + `"}`))
	}
}

func TestUsersOfATenantNeedNoRightsAboveIt(t *testing.T) {
	inAlpha, nowhere := clusterIn(t, "tenant-alpha", answerUserOfAlpha), clusterOf(t, answerUserOfAlpha)

	for _, tc := range []struct {
		kubeconfig, arguments string
		code                  int
		out, err              string
	}{
		{inAlpha, "list", 0, "beta.alpha.example.org", "These are the tenants below tenant-alpha"},
		{inAlpha, "show beta", 0, "tenant-alpha-beta", ""},
		{inAlpha, "show tenant-alpha", exitFailed, "", "in the namespace of the tenant above, which you may not read"},
		{inAlpha, "delete root/alpha --yes", exitFailed, "", "in the namespace of the tenant above, which you may not read"},
		{inAlpha, "kubeconfig root/alpha --level use", 0, "of-a-user", ""},
		{inAlpha, "kubeconfig alpha --level use", exitFailed, "", "below tenant-alpha, and name that one itself by its namespace"},
		{inAlpha, "create gamma --parent tenant-alpha", 0, "tenant gamma created in tenant-alpha", ""},
		{inAlpha, "create gamma", exitFailed, "", `no tenant that you may see is called "root"`},
		{inAlpha, "create gamma", exitFailed, "", "hint: name the tenant above it with --parent, such as: cozy-install tenant create --kubeconfig " + inAlpha + " gamma --parent tenant-alpha"},
		{inAlpha, "create gamma --parent tenant-alpha-beta", exitFailed, "", "you need the level super-admin in tenant-alpha-beta, or in a tenant above"},
		{inAlpha, "create gamma --parent root", exitFailed, "", "hint: you see the tenants below tenant-alpha"},
		{inAlpha, "kubeconfig beta --level admin", exitFailed, "", "you need the level admin in tenant-alpha-beta"},
		{inAlpha, "explain tenant-alpha/a tenant-alpha-beta/b", 0, "tenant-alpha is an ancestor of tenant-alpha-beta", ""},
		{inAlpha, "explain tenant-alpha/a tenant-alpha/b", 0, "both are of tenant-alpha", ""},
		{inAlpha, "explain tenant-alpha/a tenant-root/b", exitFailed, "", "you need the level view in tenant-root, or in a tenant above"},
		{nowhere, "kubeconfig tenant-alpha --level use", 0, "of-a-user", ""},
		{nowhere, "kubeconfig root/alpha --level use", 0, "of-a-user", ""},
		{nowhere, "kubeconfig alpha --level use", exitFailed, "", "hint: users of a tenant see what is below it"},
		{nowhere, "list", exitFailed, "", "hint: users of a tenant see what is below it"},
	} {
		code, out, err := run(t, append(append([]string{"tenant"}, strings.Fields(tc.arguments)...), "--kubeconfig", tc.kubeconfig)...)
		require.Equal(t, tc.code, code, "%s: %s", tc.arguments, err)
		require.Contains(t, out, tc.out, tc.arguments)
		require.Contains(t, err, tc.err, tc.arguments)
		require.NotContains(t, err, "does not answer", "it did")
	}
}
