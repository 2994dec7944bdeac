// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cozystack/cozy-install/manifests"

	rules "github.com/cozystack/cozy-install/tenant/application"
)

func TestFlagsAreRead(t *testing.T) {
	o, err := parse([]string{"--charts-address=127.0.0.1:1", "--health-address", ":2", "--leader-elect", "--crd-timeout=3s", "--cpu-ratio=10"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, options{
		charts: "127.0.0.1:1", health: ":2", leaderElect: true, leaderNamespace: "cozy-system", crdTimeout: 3 * time.Second,
		platform: rules.Platform{CPURatio: 10, MemoryRatio: 1},
	}, o)
}

func TestWrongFlagsAreUsageErrors(t *testing.T) {
	for _, arguments := range [][]string{
		{"--no-such-flag"},
		{"--charts-address=9680"},
		{"--metrics-address=x"},
		{"--crd-timeout=soon"},
		{"stray"},
		{"--cpu-ratio=0.5"},
		{"--cpu-ratio=NaN"},
		{"--memory-ratio=101"},
	} {
		_, err := parse(arguments, io.Discard)

		var wrong *usageError

		require.ErrorAs(t, err, &wrong, "%v", arguments)
	}
}

func TestHelpAndVersionAreAnswers(t *testing.T) {
	var out, conversation bytes.Buffer

	require.ErrorIs(t, start(t.Context(), []string{"--help"}, &out, &conversation), flag.ErrHelp)
	require.Contains(t, out.String(), "-charts-address")

	out.Reset()
	require.NoError(t, start(t.Context(), []string{"--version"}, &out, &conversation))
	require.Equal(t, "cozy-controller dev\n", out.String())
	require.Empty(t, conversation.String())
}

func TestChartsAndHealthAreServed(t *testing.T) {
	charts, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)

	server := httptest.NewServer(routes(charts, func(context.Context) error { return errors.New("the caches are being filled") }))
	defer server.Close()

	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/charts/index.yaml": {http.StatusOK, "cozy-controller"},
		"/metrics":           {http.StatusOK, "go_gc_cycles_total"},
		"/healthz":           {http.StatusOK, "ok"},
		"/readyz":            {http.StatusServiceUnavailable, "the caches are being filled"},
		"/charts/nothing":    {http.StatusNotFound, ""},
		"/index.yaml":        {http.StatusNotFound, ""},
	} {
		answer, err := http.Get(server.URL + path)
		require.NoError(t, err)

		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want.status, answer.StatusCode, path)
		require.Contains(t, string(body), want.says, path)
	}
}

// Assembling asks nobody: a cluster that is away is no reason not to start.
func TestAssemblyNeedsNoCluster(t *testing.T) {
	ctrl.SetLogger(logr.Discard())

	o, err := parse([]string{"--charts-address=127.0.0.1:0"}, io.Discard)
	require.NoError(t, err)

	_, err = assemble(&rest.Config{Host: "https://127.0.0.1:1"}, o, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
}
