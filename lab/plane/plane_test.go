// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bootstrap/wait"
)

// TestMain lets the test's own binary be the programs that the tests run: a pod's, and a plane's parent that gets killed.
func TestMain(m *testing.M) {
	switch os.Getenv("LAB_TEST_PROGRAM") {
	case "pod":
		servePod()
	case "parent":
		parentOfAPlane()
	default:
		os.Exit(m.Run())
	}
}

const (
	vip     = "10.77.0.10"
	apiName = "api.site.test"
)

// onPlane has the parts of TestPlane as its methods.
type onPlane struct{ *Plane }

// The parts build on each other and share one plane, since a plane takes seconds to start.
func TestPlane(t *testing.T) {
	p := Start(t, WithSANs(vip, apiName))
	t.Logf("readyz after %v, all after %v", p.Timings().Ready, p.Timings().All)
	require.NoError(t, p.Err())
	on := onPlane{p}
	ok := t.Run("kubectl and server have the version of their module", on.versionsMatch) &&
		t.Run("RBAC refuses what nobody allowed", on.rbacRefuses) &&
		t.Run("aggregation layer is on", on.aggregationIsOn) &&
		t.Run("certificate covers the SANs", on.certificateCoversSANs) &&
		t.Run("webhooks without a route are answered by the stand-in", on.standInAnswersWebhooks) &&
		t.Run("webhooks with a route reach it", on.routedWebhookDecides) &&
		t.Run("stand-in converts custom resources", on.standInConverts) &&
		t.Run("nodes are Ready when a CNI runs", on.nodesWaitForCNI) &&
		t.Run("claims of the default class are bound and released", on.claimsAreProvisioned) &&
		t.Run("jobs complete", on.jobsComplete) &&
		t.Run("processes that are killed are started again", on.processesAreRestarted) &&
		t.Run("HelmRelease is Ready from a chart behind a Service", on.helmReleaseBecomesReady) &&
		t.Run("pod programs run as their ServiceAccount", on.podProgramsRun) &&
		t.Run("deleted nodes are gone", on.deletedNodesAreGone)
	require.True(t, ok, "the parts after the failed one were not run")
	for _, process := range p.Processes() {
		t.Logf("memory of %s: %s", process.Name, residentMemory(t, process.PID))
	}
}

func (p onPlane) versionsMatch(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), p.Tools().Kubectl, "--kubeconfig", p.Kubeconfig(), "version", "-o", "json").Output()
	require.NoError(t, err)
	var versions struct {
		ClientVersion, ServerVersion struct{ GitVersion, Major, Minor string }
	}
	require.NoError(t, json.Unmarshal(out, &versions))
	require.Equal(t, "v1.34.4", versions.ServerVersion.GitVersion)
	require.Equal(t, versions.ServerVersion, versions.ClientVersion)
}

func (p onPlane) rbacRefuses(t *testing.T) {
	config := p.RESTConfig()
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:default:default", Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	account, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	_, err = account.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	_, err = account.Discovery().ServerVersion()
	require.NoError(t, err, "every account may discover the API")
	anonymous, err := kubernetes.NewForConfig(rest.AnonymousClientConfig(p.RESTConfig()))
	require.NoError(t, err)
	_, err = anonymous.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
}

func (p onPlane) aggregationIsOn(t *testing.T) {
	config, err := p.client.CoreV1().ConfigMaps("kube-system").Get(t.Context(), "extension-apiserver-authentication", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, string(p.pki.files["front-proxy-ca.crt"]), config.Data["requestheader-client-ca-file"])
	require.Equal(t, `["front-proxy-client"]`, config.Data["requestheader-allowed-names"])
	_, err = p.client.Discovery().ServerResourcesForGroupVersion("apiregistration.k8s.io/v1")
	require.NoError(t, err)
}

func (p onPlane) certificateCoversSANs(t *testing.T) {
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(p.pki.files["ca.crt"]))
	server, err := url.Parse(p.Server())
	require.NoError(t, err)
	for _, name := range []string{vip, apiName, "127.0.0.1", "127.96.0.1", "kubernetes.default.svc"} {
		conn, err := tls.Dial("tcp", server.Host, &tls.Config{RootCAs: roots, ServerName: name})
		require.NoError(t, err, name)
		require.NoError(t, conn.Close())
	}
	_, err = tls.Dial("tcp", server.Host, &tls.Config{RootCAs: roots, ServerName: "10.77.0.99"})
	require.ErrorContains(t, err, "certificate is valid for")
	kubeconfig, err := p.KubeconfigFor("https://" + vip + ":6443")
	require.NoError(t, err)
	require.Contains(t, string(kubeconfig), "server: https://"+vip+":6443")
}

// A second plane beside the first shows that nothing is shared, and how a plane ends.
func TestPlanesSideBySideAndStop(t *testing.T) {
	first, second := Start(t, WithoutFlux()), Start(t, WithoutFlux())
	_, err := second.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "only-here"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = first.client.CoreV1().Namespaces().Get(t.Context(), "only-here", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	_, err = Run(t.Context(), Config{Dir: second.Dir(), Tools: second.Tools()})
	require.ErrorContains(t, err, "a plane starts empty")

	processes := second.Processes()
	require.Len(t, processes, 2)
	started := time.Now()
	require.NoError(t, second.Stop())
	t.Logf("stopped after %v", time.Since(started))
	for _, process := range processes {
		require.ErrorIs(t, syscall.Kill(process.PID, 0), syscall.ESRCH, process.Name)
	}
	<-second.Done()
	require.NoError(t, second.Err())
	require.NoError(t, second.Stop(), "a second stop does nothing")
	server, err := url.Parse(second.Server())
	require.NoError(t, err)
	_, err = net.Dial("tcp", server.Host)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	_, err = first.client.CoreV1().Namespaces().Get(t.Context(), "default", metav1.GetOptions{})
	require.NoError(t, err, "the first plane goes on")
}

func TestDeathOfAComponentIsReported(t *testing.T) {
	p, err := Run(t.Context(), Config{Dir: t.TempDir(), WithoutFlux: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	require.NoError(t, syscall.Kill(p.Processes()[1].PID, syscall.SIGKILL))
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody noticed that KWOK was killed")
	}
	require.ErrorContains(t, p.Err(), "kwok ended by itself: signal: killed")
	require.NoError(t, p.Stop())
}

func TestKilledParentLeavesNoProcess(t *testing.T) {
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(parent.Environ(), "LAB_TEST_PROGRAM=parent", "LAB_TEST_DIR="+t.TempDir())
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	var processes []Process
	require.NoError(t, json.NewDecoder(out).Decode(&processes))
	require.Len(t, processes, 2)
	for _, process := range processes {
		require.NoError(t, syscall.Kill(process.PID, 0), process.Name)
	}
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	eventually(t, "the children to follow their parent", 10*time.Second, func(context.Context) error {
		for _, process := range processes {
			if running(process.PID) {
				return fmt.Errorf("%s (%d) still runs", process.Name, process.PID)
			}
		}
		return nil
	})
}

// parentOfAPlane runs a plane, prints its processes as JSON and waits to be killed.
func parentOfAPlane() {
	p, err := Run(context.Background(), Config{Dir: os.Getenv("LAB_TEST_DIR"), WithoutFlux: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(p.Processes())
	<-p.Done()
}

// running says whether a process exists and is more than an entry that nobody has waited for.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(fields, "Z")
}

func residentMemory(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func eventually(t *testing.T, title string, timeout time.Duration, probe func(context.Context) error) {
	t.Helper()
	require.NoError(t, wait.Until(t.Context(), wait.Check{Title: title, Interval: 50 * time.Millisecond, Timeout: timeout, Probe: probe}))
}

func node(name string, role Role, ip string) NodeSpec {
	return NodeSpec{Name: name, Role: role, InternalIP: netip.MustParseAddr(ip), TalosVersion: "v1.13.9", KubernetesVersion: "v1.34.4"}
}
