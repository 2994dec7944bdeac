// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answers is a transport whose answer is a status, or an error where it is zero.
type answers struct{ status int }

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.status == 0 {
		return nil, net.ErrClosed
	}

	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Body: http.NoBody, Request: r}, nil
}

func TestStandbyIsReadyWhileItSeesTheLease(t *testing.T) {
	const lease = "https://cluster/apis/coordination.k8s.io/v1/namespaces/cozy-system/leases/cozy-controller"

	now, server := time.Now(), &answers{}
	r := &readiness{elected: make(chan struct{}), lease: &leaseSight{now: func() time.Time { return now }}}
	ask := func(method, url string) {
		request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		require.NoError(t, err)

		answer, err := r.lease.watch(server).RoundTrip(request)
		if err == nil {
			require.NoError(t, answer.Body.Close())
		}
	}

	require.ErrorContains(t, r.check(t.Context()), "was not looked at yet")
	ask(http.MethodGet, lease)
	require.ErrorIs(t, r.check(t.Context()), net.ErrClosed)

	server.status = http.StatusForbidden
	ask(http.MethodGet, lease)
	require.ErrorContains(t, r.check(t.Context()), "the API server answers Forbidden")

	server.status = http.StatusOK
	ask(http.MethodGet, "https://cluster/api/v1/namespaces")
	require.Error(t, r.check(t.Context()), "that was not the lease")
	ask(http.MethodGet, lease)
	require.NoError(t, r.check(t.Context()))

	server.status = 0
	now = now.Add(leaseWindow / 2)
	ask(http.MethodGet, lease)
	require.NoError(t, r.check(t.Context()), "one look that failed says little")

	now = now.Add(leaseWindow)
	require.ErrorIs(t, r.check(t.Context()), net.ErrClosed)

	server.status = http.StatusNotFound // nobody has led yet
	ask(http.MethodGet, lease)
	require.NoError(t, r.check(t.Context()))
}

// The program runs as a standby beside another leader, whose API server comes late, and goes.
func TestProgramThatWaitsForTheAPIServerIsAliveAndNotReady(t *testing.T) {
	var isUp atomic.Bool

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !isUp.Load() {
			http.Error(w, "the API server starts", http.StatusServiceUnavailable)

			return
		}

		w.Header().Set("Content-Type", "application/json")
		assertWritten(t, json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
			"metadata": map[string]any{"name": leaseName, "namespace": "cozy-system", "resourceVersion": "1"},
			"spec":     map[string]any{"holderIdentity": "another", "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"},
		}))
	}))
	defer server.Close()

	charts := startProgram(t, server.URL)
	require.Eventually(t, func() bool { return status(charts+"/healthz") == http.StatusOK }, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, status(charts+"/readyz"))

	isUp.Store(true)
	require.Eventually(t, func() bool { return status(charts+"/readyz") == http.StatusOK }, 30*time.Second, 20*time.Millisecond)
	isUp.Store(false)
	require.Equal(t, http.StatusOK, status(charts+"/healthz"))
}

func assertWritten(t *testing.T, err error) {
	t.Helper()

	if err != nil {
		t.Logf("the program has gone: %v", err)
	}
}

// startProgram runs it until the test ends, and returns the URL of its server of charts.
func startProgram(t *testing.T, cluster string) string {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())

	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(kubeconfig, []byte(`{"apiVersion": "v1", "kind": "Config", "current-context": "it",
		"contexts": [{"name": "it", "context": {"cluster": "it"}}], "clusters": [{"name": "it", "cluster": {"server": "`+cluster+`"}}]}`), 0o600))

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)

	go func() {
		ended <- start(ctx, []string{"--kubeconfig", kubeconfig, "--leader-elect", "--charts-address", listener.Addr().String()}, io.Discard, io.Discard)
	}()

	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})

	return "http://" + listener.Addr().String()
}

// status is zero where nobody answers.
func status(url string) int {
	answer, err := http.Get(url)
	if err != nil {
		return 0
	}

	_ = answer.Body.Close()

	return answer.StatusCode
}
