// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"crypto/tls"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/lab/operatorsim"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// TestUpEndsWithATenantRootThatAnswers: `up` on an existing cluster to its end, with the real Flux, our own charts and the real
// controller. The parts build on each other and share one plane.
func TestUpEndsWithATenantRootThatAnswers(t *testing.T) {
	w := newRootWorld(t)
	ok := t.Run("without operators it ends in time and names who is not ready", w.failsWithoutOperators) &&
		t.Run("an operator that fails is quoted", w.quotesAnOperatorThatFails) &&
		t.Run("operators that are late and in disorder are waited for", w.endsWithOperators) &&
		t.Run("object storage is switched to zones while it runs", w.storageGetsZones) &&
		t.Run("Grafana rests while monitoring is off, and is there again", w.grafanaRests) &&
		t.Run("whoever answers in the ingress's place is named", w.failsWhereSomebodyElseAnswers)
	require.True(t, ok, "the parts after the failed one were not run")
}

func (w *rootWorld) failsWithoutOperators(t *testing.T) {
	const patience = 25 * time.Second
	out, err := w.up(t, "", patience)
	unready := (*bootstrap.UnreadyRootError)(nil)
	require.ErrorAs(t, err, &unready)
	require.Equal(t, []string{"cluster", "core", "packages", "tenant-root"}, phaseIDs(out))
	require.False(t, out.Complete)
	require.Nil(t, out.Root, "nothing is offered")
	require.Less(t, unready.After, 2*patience)
	t.Log(err)
	require.Len(t, unready.Culprits, 2, "%v", unready.Culprits)
	require.Contains(t, unready.Culprits[0], "Etcd/etcd: ")
	require.Contains(t, unready.Culprits[0], "EtcdCluster etcd")
	require.Contains(t, unready.Culprits[1], "Monitoring/monitoring: ")
	require.Contains(t, unready.Culprits[1], "VMCluster longterm")
}

func (w *rootWorld) quotesAnOperatorThatFails(t *testing.T) {
	defer w.operate(t, operatorsim.Simulation{Failing: map[string]string{"VMCluster": "no volume can be made"}})()
	_, err := w.up(t, "tenant-root", 15*time.Second)
	unready := (*bootstrap.UnreadyRootError)(nil)
	require.ErrorAs(t, err, &unready)
	t.Log(err)
	require.Len(t, unready.Culprits, 1, "%v", unready.Culprits)
	require.Contains(t, unready.Culprits[0], "Monitoring/monitoring: ")
	require.Contains(t, unready.Culprits[0], "VMCluster longterm has failed: no volume can be made")
}

func (w *rootWorld) endsWithOperators(t *testing.T) {
	defer w.serve(t, w.site.TLS, w.site.Config.Handler)()
	stop := w.operate(t, operatorsim.Simulation{
		Delay: time.Second, Slow: map[string]time.Duration{"EtcdCluster": 2 * time.Second, "VLCluster": time.Second}, Disorder: true,
		Certificate: w.site.Certificate,
	})
	defer stop()
	start := time.Now()
	out, err := w.up(t, "", patience)
	require.NoError(t, err)
	require.True(t, out.Complete)
	t.Logf("up on what was there took %s: %+v", time.Since(start), out.Root)
	require.Equal(t, "https://example.org", out.Root.URL)
	require.Equal(t, w.address(t), out.Root.Address)
	require.Equal(t, "CN=simulated authority", out.Root.Issuer)
	require.Contains(t, out.Root.Answer, "the ingress itself")
	require.Contains(t, out.Root.Records, bootstrap.DNSRecord{Name: "example.org", Type: "A", Value: rootNode.String()})
	require.Contains(t, out.Root.Records, bootstrap.DNSRecord{Name: "*.example.org", Type: "A", Value: rootNode.String()})
	w.givesAccess(t, out.Root.Kubeconfig)
	var status bootstrap.Status
	require.Eventually(t, func() bool { // operators take back once what they have said
		status, err = bootstrap.Look(t.Context(), w.options)
		return err == nil && status.Healthy && status.Root.Ready
	}, patience, time.Second, "%+v %v", &status, &err)
}

// failsWhereSomebodyElseAnswers runs the phase again with services that are ready.
func (w *rootWorld) failsWhereSomebodyElseAnswers(t *testing.T) {
	other, err := operatorsim.NewSite("example.org", nil)
	require.NoError(t, err)
	defer other.Close()
	page := w.site.Config.Handler
	nobody := func(*testing.T, *tls.Config, http.Handler) func() { return func() {} }
	for _, c := range []struct {
		name, want  string
		serve       func(*testing.T, *tls.Config, http.Handler) func()
		certificate *tls.Config
		answer      http.Handler
		authority   []byte // that the site file names
	}{
		{"nobody", "connection refused", nobody, nil, nil, w.site.Authority},
		{"another's certificate", "not the one in Secret tenant-root/ingress-tls", w.serve, other.TLS, page, w.site.Authority},
		{"another issuer", "signed by unknown authority", w.serve, w.site.TLS, page, other.Authority},
		{"another body", "answers 404 Not Found, and not with the ingress's own page", w.serve, w.site.TLS, http.NotFoundHandler(), w.site.Authority},
	} {
		require.NoError(t, os.WriteFile(w.options.Site.File("authority.pem"), c.authority, 0o600))
		stop := c.serve(t, c.certificate, c.answer)
		out, err := w.up(t, "tenant-root", 5*time.Second)
		stop()
		unreached := (*bootstrap.UnreachedRootError)(nil)
		require.ErrorAs(t, err, &unreached, c.name)
		require.ErrorContains(t, err, c.want)
		require.Equal(t, []string{"tenant-root"}, phaseIDs(out))
		require.False(t, out.Complete, c.name)
		require.Empty(t, out.Root.URL, "nothing is offered that does not answer")
	}
}

// givesAccess uses what was given to the first administrator.
func (w *rootWorld) givesAccess(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	config, err := clientcmd.BuildConfigFromFlags("", path)
	require.NoError(t, err)
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	services := client.Resource(v1alpha1.GroupVersion.WithResource("ingresses"))
	_, err = services.Namespace("tenant-root").Get(t.Context(), "ingress", metav1.GetOptions{})
	require.NoError(t, err)
	_, err = services.Namespace("kube-system").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
}
