// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const tenantsOfACluster = `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "TenantList", "items": [
	{"metadata": {"namespace": "tenant-root", "name": "root", "generation": 1}, "status": {"namespace": "tenant-root", "observedGeneration": 1}},
	{"metadata": {"namespace": "tenant-root", "name": "alpha", "generation": 2}, "status": {
		"namespace": "tenant-alpha", "host": "alpha.example.org", "parent": "tenant-root", "level": 1, "observedGeneration": 1,
		"services": {"etcd": {"source": "own", "namespace": "tenant-alpha", "ready": false, "dependents": {"count": 1, "first": ["tenant-alpha-x"]}},
			"monitoring": {"source": "none", "ready": false}, "ingress": {"source": "inherited", "namespace": "tenant-root", "ready": true},
			"seaweedfs": {"source": "none", "ready": false}},
		"quota": {"bounds": {"cpu": "10"}, "given": {"cpu": "3"}},
		"conditions": [{"type": "Ready", "status": "False", "reason": "ServiceNotBuilt", "message": "no etcd \u001b[2J"}]}}
]}`

// clusterOf is a kubeconfig of a server that answers in the place of an API server.
func clusterOf(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()

	return clusterIn(t, "", answer)
}

// clusterIn is clusterOf with a namespace in its context.
func clusterIn(t *testing.T, namespace string, answer http.HandlerFunc) string {
	t.Helper()

	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)

	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server.URL}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: namespace}
	config.CurrentContext = "x"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, file))

	return file
}

func answerTenants(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")

	switch {
	case strings.HasSuffix(r.URL.Path, "/tenants") && r.Method == http.MethodGet:
		_, _ = w.Write([]byte(tenantsOfACluster))
	case strings.HasSuffix(r.URL.Path, "/namespaces/tenant-alpha/serviceaccounts/tenant-use/token"):
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
			"status": {"token": "of-a-user", "expirationTimestamp": "2030-01-02T03:04:05Z"}}`))
	default:
		http.NotFound(w, r)
	}
}

func TestATenantIsShownWithAllThatItsControllerSays(t *testing.T) {
	cluster := clusterOf(t, answerTenants)

	code, out, err := run(t, "tenant", "show", "root/alpha", "--kubeconfig", cluster)
	require.Zero(t, code, err)

	for _, says := range []string{
		"alpha.example.org", "has not looked at the last change yet", "1: tenant-alpha-x", "GIVEN TO TENANTS BELOW", "ServiceNotBuilt",
	} {
		require.Contains(t, out, says)
	}

	require.NotContains(t, out, "\x1b", "a message is not allowed to steer the terminal")

	code, _, err = run(t, "tenant", "show", "beta", "--kubeconfig", cluster)
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, `no tenant is called "beta"`)
	require.Contains(t, err, "hint: look at the tenants with: cozy-install tenant tree")
}

func TestAKubeconfigOfALevelIsWrittenForItsOwnerOnly(t *testing.T) {
	cluster, file := clusterOf(t, answerTenants), filepath.Join(t.TempDir(), "alpha.kubeconfig")

	code, out, err := run(t, "tenant", "kubeconfig", "alpha", "--level", "use", "--kubeconfig", cluster, "--output", file)
	require.Zero(t, code, err)
	require.Empty(t, out)
	require.Contains(t, err, "The token ends at 20")
	require.NotContains(t, err, "of-a-user")

	info, statErr := os.Stat(file)
	require.NoError(t, statErr)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	read, loadErr := clientcmd.LoadFromFile(file)
	require.NoError(t, loadErr)
	require.Equal(t, "of-a-user", read.AuthInfos["tenant-alpha-use"].Token)
}

func TestCommandsOfOneTenantRefuseWhatCanNotBe(t *testing.T) {
	cluster := clusterOf(t, answerTenants)

	for _, tc := range []struct {
		arguments []string
		code      int
		says      string
	}{
		{[]string{"kubeconfig", "alpha"}, exitUsage, "--level is needed: view, use, admin, super-admin"},
		{[]string{"kubeconfig", "alpha", "--level", "root"}, exitUsage, `--level "root"`},
		{[]string{"kubeconfig", "alpha", "--level", "use", "--ttl", "1m"}, exitUsage, "no token for less than 10m0s"},
		{
			[]string{"kubeconfig", "no-such-tenant", "--level", "use", "--ttl", "24h0m1s"},
			exitUsage,
			"--ttl 24h0m1s: a token of a level is good for 24h0m0s at most; ask for another when it has ended",
		},
		{[]string{"create", "a-b"}, exitFailed, "no dash"},
		{[]string{"create", "etcd"}, exitFailed, "reserved for the platform"},
		{[]string{"create", "x", "--quota", "cpu=apples,pods=many"}, exitUsage, "--quota cpu=apples: not a quantity such as 500m, 10 or 32Gi; --quota pods=many"},
	} {
		code, out, err := run(t, append([]string{"tenant"}, append(tc.arguments, "--kubeconfig", cluster)...)...)
		require.Equal(t, tc.code, code, "%v: %s", tc.arguments, err)
		require.Empty(t, out)
		require.Contains(t, err, tc.says)
		require.NotContains(t, err, "does not answer", "it did")
	}
}
