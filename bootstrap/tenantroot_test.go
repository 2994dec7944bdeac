// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/lab/operatorsim"
	"github.com/cozystack/cozy-install/tenant"
)

func TestTenantRootIsDoneWhenItsServicesSaySoAndItsURLAnswers(t *testing.T) {
	w := newRootWorld(t, rootSite, nil)
	require.NoError(t, w.run(t, &operatorsim.Simulation{Delay: 300 * time.Millisecond}))

	root, err := w.client.Get(t.Context(), tenants, "tenant-root", "root")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"host": "example.org", "etcd": true, "ingress": true}, root.Object["spec"])
	ingress, err := w.client.Get(t.Context(), etcdIngress(), "tenant-root", "ingress")
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"service": map[string]any{"type": "NodePort", "externalIPs": []any{}},
	}, ingress.Object["spec"])
	require.Contains(t, strings.Join(w.said, "\n"), "etcd of tenant-root is not ready", "what was waited for is shown")

	require.Equal(t, "https://example.org", w.root.URL)
	require.Equal(t, "CN=simulated authority", w.root.Issuer)
	require.Contains(t, w.root.Answer, "the ingress itself")
	require.Equal(t, []DNSRecord{{"example.org", "A", "127.0.0.1"}, {"*.example.org", "A", "127.0.0.1"}}, w.root.Records)
	info, err := os.Stat(w.root.Kubeconfig)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	given, err := os.ReadFile(w.root.Kubeconfig)
	require.NoError(t, err)
	require.Contains(t, string(given), "secret-token")

	require.NoError(t, w.run(t, &operatorsim.Simulation{}), "it may be run again")
}

func etcdIngress() schema.GroupVersionResource {
	return serviceResource(tenant.Ingress)
}

func TestWithoutOperatorsTenantRootFailsAndNamesTheCulprit(t *testing.T) {
	w := newRootWorld(t, rootSite, nil)
	w.opts.NodeTimeout = 2 * time.Second
	err := w.run(t, nil)
	unready := (*UnreadyRootError)(nil)
	require.ErrorAs(t, err, &unready)
	require.ErrorContains(t, err, "etcd of tenant-root is not ready")
	require.Len(t, unready.Culprits, 1)
	require.Contains(t, unready.Culprits[0], "Etcd/etcd: ")

	w = newRootWorld(t, rootSite, nil)
	w.opts.NodeTimeout = 2 * time.Second
	err = w.run(t, &operatorsim.Simulation{Failing: map[string]string{"EtcdCluster": "no volume can be made"}})
	require.ErrorContains(t, err, "no volume can be made", "in the operator's own words")
	require.Nil(t, w.root, "nothing is offered")
}

func TestWithoutAnIngressNothingIsAskedForAndThatIsSaid(t *testing.T) {
	w := newRootWorld(t, strings.Replace(rootSite, ", ingress: true", "", 1), nil)
	require.NoError(t, w.run(t, &operatorsim.Simulation{}))
	require.Equal(t, "no ingress in tenant-root: nothing is published", w.root.Unpublished)
	require.Contains(t, w.said, w.root.Unpublished)
	require.Empty(t, w.root.URL)
}
