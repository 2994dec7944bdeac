// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// takingCluster answers for an API server that takes tenants as they are sent, or refuses them all.
type takingCluster struct {
	refusal string // a Status; empty: each is taken
	path    string
	query   url.Values
	sent    map[string]any
}

func (c *takingCluster) answer(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		answerTenants(w, r)

		return
	}

	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &c.sent)
	}

	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)

		return
	}

	c.path, c.query = r.URL.Path, r.URL.Query()

	w.Header().Set("Content-Type", "application/json")

	if c.refusal != "" {
		w.WriteHeader(http.StatusUnprocessableEntity)

		body = []byte(c.refusal)
	}

	_, _ = w.Write(body)
}

func TestATenantIsMadeAsItsFlagsSay(t *testing.T) {
	cluster := &takingCluster{}
	file := clusterOf(t, cluster.answer)

	code, out, err := run(t, "tenant", "create", "beta", "--parent", "alpha", "--host", "beta.example.com", "--etcd", "--seaweedfs",
		"--scheduling-class", "fast", "--quota", "cpu=10,memory=32Gi", "--quota", "nvidia.com/gpu=2", "--kubeconfig", file)
	require.Zero(t, code, err)
	require.Equal(t, "tenant beta created in tenant-alpha\n", out)
	require.Equal(t, "/apis/apps.cozystack.io/v1alpha1/namespaces/tenant-alpha/tenants", cluster.path)
	require.Equal(t, map[string]any{
		"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant",
		"metadata": map[string]any{"namespace": "tenant-alpha", "name": "beta"},
		"spec": map[string]any{
			"host": "beta.example.com", "etcd": true, "seaweedfs": true, "schedulingClass": "fast",
			"resourceQuotas": map[string]any{"cpu": "10", "memory": "32Gi", "nvidia.com/gpu": "2"},
		},
	}, cluster.sent, "what was not asked for is not set")
	require.Equal(t, "Strict", cluster.query.Get("fieldValidation"))
	require.Empty(t, cluster.query.Get("dryRun"))
}

func TestADryRunOfATenantAsksTheServerAndStoresNothing(t *testing.T) {
	cluster := &takingCluster{}

	code, out, err := run(t, "tenant", "create", "beta", "--dry-run", "--kubeconfig", clusterOf(t, cluster.answer))
	require.Zero(t, code, err)
	require.Equal(t, "tenant beta would be created (dry run) in tenant-root\n", out)
	require.Equal(t, "All", cluster.query.Get("dryRun"))
}

func TestWhatTheServerSaysOfATenantArrives(t *testing.T) {
	const says = `spec.resourceQuotas.apples: "1": apples is nothing that can be bounded; choose cpu`

	refusal, marshalErr := json.Marshal(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": http.StatusUnprocessableEntity,
		"message": `tenants.apps.cozystack.io "beta" is invalid: : ValidatingAdmissionPolicy 'tenant-quota-keys.cozystack.io' denied request: ` + says,
	})
	require.NoError(t, marshalErr)

	cluster := &takingCluster{refusal: string(refusal)}
	code, out, err := run(t, "tenant", "create", "beta", "--quota", "apples=1", "--kubeconfig", clusterOf(t, cluster.answer))
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, err, "create tenant beta in namespace tenant-root")
	require.Contains(t, err, says)
	require.NotContains(t, err, "does not answer", "it did")
}

func TestTenantsAreListed(t *testing.T) {
	cluster := clusterOf(t, answerTenants)

	code, out, err := run(t, "tenant", "list", "--kubeconfig", cluster)
	require.Zero(t, code, err)
	require.Regexp(t, `^NAME +NAMESPACE +HOST +READY +REASON\n`, out)
	require.Regexp(t, `alpha +tenant-alpha +alpha.example.org +no +ServiceNotBuilt: no etcd`, out)
	require.Regexp(t, `root +tenant-root +no +its controller has not looked at it yet`, out)
	require.NotContains(t, out, "\x1b", "a message is not allowed to steer the terminal")

	code, out, err = run(t, "tenant", "list", "-o", "json", "--kubeconfig", cluster)
	require.Zero(t, code, err)

	var rows []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Len(t, rows, 2)
	require.Equal(t, "alpha", rows[0]["name"])
	require.Equal(t, false, rows[0]["ready"])
	require.Equal(t, "tenant-root", rows[1]["namespace"])

	code, _, err = run(t, "tenant", "list", "--kubeconfig", clusterOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "tenants is forbidden"}`))
	}))
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, "tenants is forbidden")
}
