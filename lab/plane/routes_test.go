// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestServiceOfTakesDNSNamesApart(t *testing.T) {
	for _, test := range []struct {
		host, namespace, name string
		ok                    bool
	}{
		{"cozy-controller.cozy-system.svc", "cozy-system", "cozy-controller", true},
		{"cozy-controller.cozy-system.svc.cozy.local", "cozy-system", "cozy-controller", true},
		{"cozy-controller.cozy-system", "", "", false},
		{"charts.example.org", "", "", false},
		{"a.b.svcx", "", "", false},
		{".b.svc", "", "", false},
		{"a..svc", "", "", false},
		{"127.0.0.1", "", "", false},
		{"", "", "", false},
	} {
		namespace, name, ok := serviceOf(test.host)
		require.Equal(t, test.ok, ok, test.host)
		require.Equal(t, test.namespace, namespace, test.host)
		require.Equal(t, test.name, name, test.host)
	}
}

func TestProxyForwardsServicesAndOthers(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Host, r.URL.RequestURI())
	}))
	defer backend.Close()
	address := backend.Listener.Addr().String()
	routes := newRoutes(filepath.Join(t.TempDir(), "routes.json"))
	require.NoError(t, routes.set(serviceKey("ns", "routed", 8080), address))
	proxy, err := startServiceProxy(t.Context(), routes, func(namespace, name string, port int) (string, error) {
		if serviceKey(namespace, name, port) == "ns/pods:80" {
			return address, nil
		}
		return "", errors.New("nobody there")
	})
	require.NoError(t, err)
	defer proxy.close()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.url) }}}
	for _, test := range []struct {
		url    string
		status int
		body   string
	}{
		{"http://routed.ns.svc:8080/charts/index.yaml?a=b", 200, "routed.ns.svc:8080 /charts/index.yaml?a=b"},
		{"http://pods.ns.svc.cozy.local/", 200, "pods.ns.svc.cozy.local /"},
		{"http://routed.ns.svc/", 503, "lab: nobody there\n"},
		{"http://" + address + "/plain", 200, address + " /plain"},
	} {
		resp, err := client.Get(test.url)
		require.NoError(t, err, test.url)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err, test.url)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, test.status, resp.StatusCode, test.url)
		require.Equal(t, test.body, string(body), test.url)
	}
	resp, err := http.Get(proxy.url + "/not-a-proxy-request")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

func TestRoutesAreWrittenForLabplane(t *testing.T) {
	routes := newRoutes(filepath.Join(t.TempDir(), "routes.json"))
	read := func() string {
		data, err := os.ReadFile(routes.file)
		require.NoError(t, err)
		return string(data)
	}
	require.NoError(t, routes.set("ns/a:443", "127.0.0.1:1"))
	require.NoError(t, routes.set("ns/b:443", "127.0.0.1:2"))
	require.JSONEq(t, `{"ns/a:443":"127.0.0.1:1","ns/b:443":"127.0.0.1:2"}`, read())
	require.NoError(t, routes.set("ns/a:443", ""))
	require.JSONEq(t, `{"ns/b:443":"127.0.0.1:2"}`, read())
}

func TestPortNameFollowsTheTargetPort(t *testing.T) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: 9090}, {Name: "http", ContainerPort: 8080}}},
	}}}
	for want, port := range map[string]corev1.ServicePort{
		"http":    {Port: 80, TargetPort: intstr.FromInt32(8080)},
		"named":   {Port: 80, TargetPort: intstr.FromString("named")},
		"metrics": {Port: 9090},
		"":        {Port: 80},
	} {
		require.Equal(t, want, portName(pod, &port))
	}
}

func TestContainerEnvHasWhatNeedsNoKubelet(t *testing.T) {
	field := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns"},
		Spec: corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Env: []corev1.EnvVar{
			{Name: "PLAIN", Value: "x"},
			{Name: "POD_NAMESPACE", ValueFrom: field("metadata.namespace")},
			{Name: "NODE", ValueFrom: field("spec.nodeName")},
			{Name: "POD_IP", ValueFrom: field("status.podIP")},
			{Name: "SECRET", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "k"}}},
			{Name: "KUBERNETES_SERVICE_HOST", Value: "127.0.0.1"},
		}}}},
	}
	require.Equal(t, []string{"PLAIN=x", "POD_NAMESPACE=ns", "NODE=n"}, containerEnv(pod))
}

func TestLogTailKeepsWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, []byte("first line\nsecond\nthird\n"), 0o600))
	require.Equal(t, "second\nthird", logTail(path, 16))
	require.Equal(t, "first line\nsecond\nthird", logTail(path, 1000))
	require.Contains(t, logTail(path+"x", 10), "no such file")
}

func TestStubbornProcessIsKilled(t *testing.T) {
	p := &Plane{cfg: Config{Dir: t.TempDir()}, launcher: newLauncher()}
	defer p.launcher.close()
	proc, err := p.startProcess("stubborn", command("/bin/sh", "-c", `trap "" TERM; echo up; while :; do sleep 0.1; done`))
	require.NoError(t, err)
	eventually(t, "the trap to be set", 5*time.Second, func(context.Context) error {
		if logTail(proc.logPath, 10) != "up" {
			return errors.New("not yet")
		}
		return nil
	})
	require.ErrorContains(t, proc.stop(200*time.Millisecond), "stubborn had to be killed")
	require.False(t, running(proc.cmd.Process.Pid))
}
