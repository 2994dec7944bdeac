// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

// startController runs the program as its ServiceAccount. Should the test be killed, the program loses its lease with the
// plane, and ends.
func (w *world) startController(t *testing.T) {
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
		"--kubeconfig", kubeconfig, "--charts-address", w.charts, "--leader-elect")
	p.cmd.Stderr = p.output
	require.NoError(t, p.cmd.Start())

	go func() { p.ended <- p.cmd.Wait() }()

	w.controller = p
}

// stopController asks the program to end, which it must do cleanly and soon.
func (w *world) stopController(t *testing.T) {
	t.Helper()

	if w.controller == nil {
		return
	}

	p := w.controller
	w.controller = nil
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended by itself, which the next lines find out

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

	answer, err := http.Get("http://" + w.charts + path)
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
