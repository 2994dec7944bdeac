// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func answerCredentials(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")

	switch path := r.URL.Path; {
	case path == "/apis/apps.cozystack.io/v1alpha1":
		_, _ = w.Write([]byte(`{"kind": "APIResourceList", "groupVersion": "apps.cozystack.io/v1alpha1", "resources": [
			{"name": "kuberneteses", "singularName": "kubernetes", "kind": "Kubernetes", "namespaced": true}]}`))
	case strings.HasSuffix(path, "/namespaces/tenant-alpha/kuberneteses/prod"):
		_, _ = w.Write([]byte(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Kubernetes", "metadata": {"name": "prod",
			"namespace": "tenant-alpha"}, "status": {"credentials": [{"secret": "kubernetes-prod-admin", "description": "administrator"}]}}`))
	case strings.HasSuffix(path, "/namespaces/tenant-alpha/secrets/kubernetes-prod-admin"):
		_, _ = w.Write([]byte(`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kubernetes-prod-admin"},
			"data": {"token": "aHVzaA==", "kubeconfig": "YTogMQpiOiAyCg=="}}`))
	default:
		answerTenants(w, r)
	}
}

func TestCredentialsAreShownAndOneIsWrittenForItsOwnerOnly(t *testing.T) {
	cluster, file := clusterOf(t, answerCredentials), filepath.Join(t.TempDir(), "kubeconfig")

	for _, place := range [][]string{{"-n", "tenant-alpha"}, {"--tenant", "root/alpha"}} {
		code, out, err := run(t, append([]string{"app", "credentials", "kubernetes/prod", "--kubeconfig", cluster}, place...)...)
		require.Zero(t, code, err)
		require.Contains(t, out, "hush")
		require.Contains(t, out, "(10 bytes; show them with --key kubeconfig)")
		require.Empty(t, err, "secrets go to standard output alone")
	}

	code, out, err := run(t, "app", "credentials", "kubernetes/prod", "-n", "tenant-alpha", "--key", "kubeconfig", "--output-file", file, "--kubeconfig", cluster)
	require.Zero(t, code, err)
	require.Empty(t, out)

	info, statErr := os.Stat(file)
	require.NoError(t, statErr)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	text, readErr := os.ReadFile(file)
	require.NoError(t, readErr)
	require.Equal(t, "a: 1\nb: 2\n", string(text))

	code, _, err = run(t, "app", "credentials", "kubernetes/prod", "-n", "tenant-alpha", "--key", "nothing", "--kubeconfig", cluster)
	require.Equal(t, exitFailed, code)
	require.NotContains(t, err, "hush")
}

func TestCredentialsNeedAnApplicationAndAPlace(t *testing.T) {
	code, out, err := run(t, "app", "credentials", "prod", "--output-file", "x")
	require.Equal(t, exitUsage, code)
	require.Empty(t, out)

	for _, says := range []string{`"prod": not an application as kind/name`, "name it with --key"} {
		require.Contains(t, err, says)
	}

	code, _, err = run(t, "app", "credentials", "kubernetes/prod", "-n", "tenant-alpha", "--tenant", "alpha")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "--namespace and --tenant: give one of them")

	code, _, err = run(t, "app", "credentials", "kubernetes/prod", "--kubeconfig", clusterOf(t, answerCredentials))
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "the kubeconfig's context has no namespace")

	code, out, err = run(t, "app", "credentials", "kubernetes/prod", "--kubeconfig", clusterIn(t, "tenant-alpha", answerCredentials))
	require.Zero(t, code, err)
	require.Contains(t, out, "kubernetes-prod-admin")

	code, _, err = run(t, "app", "credentials", "kubernetes/gone", "-n", "tenant-alpha", "--kubeconfig", clusterOf(t, answerCredentials))
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, "get Kubernetes gone in tenant-alpha")
	require.Contains(t, err, "hint: see which are there with: kubectl get --namespace tenant-alpha kuberneteses.apps.cozystack.io")
}
