// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/lab/operatorsim"
	"github.com/cozystack/cozy-install/lab/owncharts"
	"github.com/cozystack/cozy-install/lab/standin"
)

// rootNode is the address of the first node: one of this host's, so that what listens on it answers at the node's port. No Service of
// the bundle leads to a pod on its host's network, which could not be on loopback.
var rootNode = netip.AddrFrom4([4]byte{127, 77, 0, 11})

// rootSite says what the network is, as the plane's tells nothing of itself.
const rootSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: hosted}
domain: example.org
bundle: paas-hosted
cluster: {kubeconfig: %s}
exposure: {nodePort: true}
certificates: {ca: authority.pem}
tenantRoot: {etcd: true, ingress: true, monitoring: true}
packages:
  values:
    cozy-controller:
      site: {enforces: kubernetes, pods: [10.244.0.0/16], services: [127.96.0.0/16]}
`

// rootWorld is a plane for paas-hosted with the real controller in its pods, stand-ins for upstream charts, and a server that
// may stand at the published address.
type rootWorld struct {
	*world
	options bootstrap.Options
	site    *operatorsim.Site // of the authority that the site file names
}

func newRootWorld(t *testing.T) *rootWorld {
	t.Helper()
	w := &rootWorld{world: newWorldAt(t, rootNode)}
	w.hasANetwork(t)
	w.runsTheController(t)
	var err error
	w.site, err = operatorsim.NewSite("example.org", nil)
	require.NoError(t, err)
	t.Cleanup(w.site.Close)

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "authority.pem"), w.site.Authority, 0o600))
	file := filepath.Join(dir, "site.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, rootSite, w.plane.Kubeconfig()), 0o600))
	s, err := site.Load(file)
	require.NoError(t, err)
	plan, err := bootstrap.ResolveBundle(s, "")
	require.NoError(t, err)
	repository, err := standin.Repository(t.Context(), plan, w.shelf.charts, nil)
	require.NoError(t, err)
	charts := httptest.NewServer(repository)
	t.Cleanup(charts.Close)
	w.playPrograms(t, plan, nil)
	w.options = bootstrap.Options{Site: s, WorkDir: t.TempDir(), ChartSource: charts.URL, ControllerImage: labImage}
	return w
}

// runsTheController runs the program in the controller's pods, where it serves our charts.
func (w *rootWorld) runsTheController(t *testing.T) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "cozy-controller")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program,
		"github.com/cozystack/cozy-install/cmd/cozy-controller").CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, w.plane.RouteService("cozy-system", "cozy-controller", 80, ""))
	pods, err := owncharts.ControllerPods(program)
	require.NoError(t, err)
	require.NoError(t, w.plane.RunPods(pods))
}

// up runs it, or from one phase on, with a bound for each wait.
func (w *rootWorld) up(t *testing.T, from string, timeout time.Duration) (bootstrap.Outcome, error) {
	t.Helper()
	options := w.options
	options.From, options.NodeTimeout = from, timeout
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	return bootstrap.Up(ctx, options)
}

// operate plays operators until the returned function is called.
func (w *rootWorld) operate(t *testing.T, operators operatorsim.Simulation) (stop func()) {
	t.Helper()
	operators.Client, operators.Namespace = w.dynamic, "tenant-root"
	for _, kind := range operatorsim.Kinds() {
		if kind.Name != "DataStore" { // Kamaji is not of this bundle
			operators.Kinds = append(operators.Kinds, kind)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- operators.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

// address is where the ingress is published: it has a port of the nodes.
func (w *rootWorld) address(t *testing.T) string {
	t.Helper()
	service, err := w.kube.CoreV1().Services("tenant-root").Get(t.Context(), "ingress", metav1.GetOptions{})
	require.NoError(t, err)
	for _, port := range service.Spec.Ports {
		if port.Name == "https" {
			return net.JoinHostPort(rootNode.String(), strconv.Itoa(int(port.NodePort)))
		}
	}
	t.Fatalf("no port for https: %+v", service.Spec.Ports)
	return ""
}

// serve lets somebody answer there until the returned function is called.
func (w *rootWorld) serve(t *testing.T, certificate *tls.Config, answer http.Handler) (stop func()) {
	t.Helper()
	listener, err := tls.Listen("tcp", w.address(t), certificate)
	require.NoError(t, err)
	server := &http.Server{Handler: answer, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return func() { require.NoError(t, server.Close()) }
}
