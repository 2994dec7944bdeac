// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func answerPods(w http.ResponseWriter, r *http.Request) {
	namespace, name, isPod := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/namespaces/"), "/pods/")
	if !isPod || name == "gone" {
		answerTenants(w, r)

		return
	}

	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": %q, "name": %q, "labels": {
		"cozystack.io/service": "x\u001b[2J"}}, "spec": {"nodeName": "w1", "containers": [{"name": "c", "ports": [{"containerPort": 53, "protocol": "UDP"}]}]}}`,
		namespace, name)
}

func TestTrafficIsExplainedForPeopleAndPrograms(t *testing.T) {
	cluster := clusterOf(t, answerPods)

	code, out, err := run(t, "tenant", "explain", "tenant-root/a", "tenant-alpha/b", "--kubeconfig", cluster)
	require.Zero(t, code, err)

	for _, says := range []string{
		"tenant-root/a", "of tenant tenant-alpha", "53/UDP", "any other", "allowed", "7", "tenant-root is an ancestor of tenant-alpha",
		"rows 6 and 7", "Note: the site of cozy-controller is unknown",
	} {
		require.Contains(t, out, says)
	}

	require.NotContains(t, out, "\x1b")

	code, out, err = run(t, "tenant", "explain", "tenant-alpha/a", "tenant-root/b", "--port", "443", "-o", "json", "--kubeconfig", cluster)
	require.Zero(t, code, err)

	var answer struct {
		Flows []struct {
			Port    string `json:"port"`
			Allowed *bool  `json:"allowed"`
			Row     int    `json:"row"`
		} `json:"flows"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Len(t, answer.Flows, 1)
	require.Equal(t, "443/TCP", answer.Flows[0].Port)
	require.False(t, *answer.Flows[0].Allowed)
	require.Equal(t, 9, answer.Flows[0].Row)
}

func TestWrongPodsAndPortsAreUsageErrorsAllAtOnce(t *testing.T) {
	code, out, err := run(t, "tenant", "explain", "web", "b/", "--port", "0/icmp")
	require.Equal(t, exitUsage, code)
	require.Empty(t, out)
	require.Contains(t, err, `"web": not a pod`)
	require.Contains(t, err, `"b/": not a pod`)
	require.Contains(t, err, `--port "0/icmp"`)

	code, _, err = run(t, "tenant", "explain", "tenant-alpha/a", "tenant-alpha/gone", "--kubeconfig", clusterOf(t, answerPods))
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, "get pod tenant-alpha/gone")
}
