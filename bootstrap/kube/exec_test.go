// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// execServer answers like an API server with one ready pod, whose command prints this much.
func execServer(t *testing.T, printed int) *Client {
	t.Helper()
	pod := corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/exec") {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []corev1.Pod{pod}})
			return
		}
		conn := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{"v5.channel.k8s.io": {Binary: true, Channels: []wsstream.ChannelType{
			wsstream.IgnoreChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.WriteChannel,
		}}})
		_, streams, err := conn.Open(w, r)
		if err != nil {
			return // the client gave up
		}
		for left := printed; left > 0; left -= 1 << 15 {
			_, _ = streams[1].Write(bytes.Repeat([]byte("x"), min(left, 1<<15)))
		}
		_, _ = streams[3].Write([]byte(`{"metadata":{},"status":"Success"}`))
		_ = conn.Close()
	}))
	t.Cleanup(server.Close)
	client, err := FromConfig(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	return client
}

func TestOutputIsKeptUpToItsLimitAndMoreIsAnError(t *testing.T) {
	command := Command{Namespace: "ns", Pods: "a=b", Container: "c", Words: []string{"say", "it"}}
	out, err := execServer(t, maxOutput).Exec(t.Context(), command)
	require.NoError(t, err)
	require.Len(t, out, maxOutput)
	out, err = execServer(t, 3*maxOutput).Exec(t.Context(), command)
	require.EqualError(t, err, "run say it in pod ns/p: it prints more than 1048576 bytes")
	require.Empty(t, out)
}
