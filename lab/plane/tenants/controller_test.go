// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
)

// process is the running controller.
type process struct {
	cmd    *exec.Cmd
	output *bytes.Buffer // read only after the end
	ended  chan error
}

func (w *world) startController(t *testing.T) {
	t.Helper()

	w.controller = w.launch(t, w.charts)
}

// launch runs the program as its ServiceAccount. Should the test be killed, the program loses its lease with the plane, and
// ends.
func (w *world) launch(t *testing.T, charts string) *process {
	t.Helper()

	config, err := w.plane.ConfigAs(systemNamespace, "cozy-controller")
	require.NoError(t, err)

	for _, cluster := range config.Clusters {
		cluster.Server, cluster.CertificateAuthorityData = w.requests.url, nil
	}

	kubeconfig := filepath.Join(filepath.Dir(w.program), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, kubeconfig))

	p := &process{output: &bytes.Buffer{}, ended: make(chan error, 1)}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), w.program,
		append([]string{"--kubeconfig", kubeconfig, "--charts-address", charts, "--leader-elect"}, w.flags...)...)
	p.cmd.Stderr = p.output
	require.NoError(t, p.cmd.Start())

	go func() { p.ended <- p.cmd.Wait() }()

	return p
}

// kill ends the program as a node that goes away does: it gives nothing back.
func (p *process) kill(t *testing.T) {
	t.Helper()

	select {
	case err := <-p.ended:
		t.Fatalf("the controller ended by itself: %v; it said:\n%s", err, p.output)
	default:
	}

	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, <-p.ended)
}

// stopController asks the program to end, which it must do cleanly and soon.
func (w *world) stopController(t *testing.T) {
	t.Helper()

	if w.controller == nil {
		return
	}

	p := w.controller
	w.controller = nil
	p.stop(t)
}

func (p *process) stop(t *testing.T) {
	t.Helper()

	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which the next lines find out

	select {
	case err := <-p.ended:
		require.NoError(t, err, "a signal is no failure; the controller said:\n%s", p.output)
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
		t.Fatalf("the controller did not stop; it said:\n%s", p.output)
	}
}

func (w *world) chartsStatus(t *testing.T, path string) int {
	t.Helper()

	return statusAt(t, w.charts, path)
}

// statusAt is what a controller's server answers; zero where there is none.
func statusAt(t *testing.T, address, path string) int {
	t.Helper()

	answer, err := http.Get("http://" + address + path)
	if err != nil {
		return 0
	}

	require.NoError(t, answer.Body.Close())

	return answer.StatusCode
}

func freeAddress(t *testing.T) string {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())

	return listener.Addr().String()
}
