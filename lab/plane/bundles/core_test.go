// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/bundles"
)

// tick is how often a test looks.
const tick = 20 * time.Millisecond

func (w *world) coreFromNothing(t *testing.T) {
	plan := w.plan(t, platform, nil)
	require.Equal(t, map[string]bundles.State{
		"gateway-api-crds": bundles.StateAbsent, "cilium": bundles.StateAbsent, "flux": bundles.StatePresent,
		"cozy-controller": bundles.StateAbsent,
	}, w.coreStates(t, plan))

	heard := w.installCore(t, plan)
	for name, state := range map[string]bundles.State{
		"cilium": bundles.StateReady, "flux": bundles.StatePresent, "cozy-controller": bundles.StateReady,
	} {
		require.Equal(t, state, heard.last(name).State, name)
		require.Equal(t, state, w.coreStates(t, plan)[name], name)
	}
	pods, err := w.kube.CoreV1().Pods("cozy-system").List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=cozy-controller"})
	require.NoError(t, err)
	require.NotEmpty(t, pods.Items)
	daemons, err := w.kube.AppsV1().DaemonSets("cozy-cilium").Get(t.Context(), "cilium", metav1.GetOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 3, daemons.Status.NumberReady)
}

// The plane's Flux was there before: nothing of the package flux may appear, not even its namespace.
func (w *world) fluxIsRespected(t *testing.T) {
	t.Helper()
	_, err := w.kube.CoreV1().Namespaces().Get(t.Context(), "cozy-fluxcd", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	secrets, err := w.kube.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{LabelSelector: "owner=helm,name=flux"})
	require.NoError(t, err)
	require.Empty(t, secrets.Items)
}

func (w *world) coreAgain(t *testing.T) {
	w.quietly(t, func() {
		heard := w.installCore(t, w.plan(t, platform, nil))
		for _, name := range []string{"gateway-api-crds", "cilium", "cozy-controller"} {
			require.Equal(t, bundles.PackageStatus{Name: name, State: bundles.StateReady, Message: "unchanged"}, heard.last(name))
		}
	})
}

// What the marks of base name is there after the crash, but by a release of ours: base must not count as somebody else's.
func (w *world) killedInstallGoesOn(t *testing.T) {
	w.cordon(t, true)
	p := w.startInstaller(t, trial, nil)
	w.awaitRevision(t, trialNamespace, "base", 1, "pending-install")
	w.awaitDeployment(t, trialNamespace, "base")
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.wait(t))
	require.Equal(t, map[int]string{1: "pending-install"}, w.history(t, trialNamespace, "base"))
	before := w.deploymentUID(t, trialNamespace, "base")
	w.cordon(t, false)

	plan := w.plan(t, trial, nil)
	require.Equal(t, bundles.StateInstalling, w.coreStates(t, plan)["base"])
	require.Equal(t, bundles.StateReady, w.installCore(t, plan).last("base").State)
	// Nothing older is deployed, so Helm's upgrade is one of the failed revision, which thereby becomes a superseded one.
	require.Equal(t, map[int]string{1: "superseded", 2: "deployed"}, w.history(t, trialNamespace, "base"))
	require.Equal(t, before, w.deploymentUID(t, trialNamespace, "base"), "nothing was uninstalled")
	require.Equal(t, bundles.StateReady, w.coreStates(t, plan)["base"])
}

func (w *world) killedUpgradeGoesOn(t *testing.T) {
	before := w.deploymentUID(t, "cozy-system", "cozy-controller")
	w.cordon(t, true)
	p := w.startInstaller(t, platform, image("killed"))
	w.awaitRevision(t, "cozy-system", "cozy-controller", 2, "pending-upgrade")
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.wait(t))
	require.Equal(t, map[int]string{1: "deployed", 2: "pending-upgrade"}, w.history(t, "cozy-system", "cozy-controller"))
	w.cordon(t, false)

	heard := w.installCore(t, w.plan(t, platform, image("killed")))
	require.Equal(t, "unchanged", heard.last("cilium").Message)
	require.Equal(t, map[int]string{1: "superseded", 2: "failed", 3: "deployed"}, w.history(t, "cozy-system", "cozy-controller"))
	require.Equal(t, "example.org/controller:killed", w.controllerImage(t))
	require.Equal(t, before, w.deploymentUID(t, "cozy-system", "cozy-controller"), "nothing was uninstalled")
}

func (w *world) cancelledUpgradeGoesOn(t *testing.T) {
	w.cordon(t, true)
	p := w.startInstaller(t, platform, image("cancelled"))
	w.awaitRevision(t, "cozy-system", "cozy-controller", 4, "pending-upgrade")
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	asked := time.Now()
	require.Error(t, p.wait(t))
	require.Less(t, time.Since(asked), 20*time.Second, "it ends soon, not at the release's timeout")
	require.Contains(t, p.output.String(), "install package cozy-controller: helm release cozy-system/cozy-controller: ")
	require.Contains(t, p.output.String(), "context canceled")
	require.Equal(t, "failed", w.history(t, "cozy-system", "cozy-controller")[4], "a clean end leaves nothing pending")
	w.cordon(t, false)

	w.installCore(t, w.plan(t, platform, image("cancelled")))
	require.Equal(t, "deployed", w.history(t, "cozy-system", "cozy-controller")[5])
	require.Equal(t, "example.org/controller:cancelled", w.controllerImage(t))
}

func image(tag string) map[string]map[string]any {
	return map[string]map[string]any{"cozy-controller": {"image": "example.org/controller:" + tag}}
}

// installer is a process that installs a core, or a whole bundle.
type installer struct {
	cmd    *exec.Cmd
	output *transcript
	ended  chan error
}

func (w *world) startInstaller(t *testing.T, bundle string, values map[string]map[string]any) *installer {
	t.Helper()
	return w.startJob(t, job{Bundle: bundle, Values: values})
}

// startJob starts an installer for the plane.
func (w *world) startJob(t *testing.T, what job) *installer {
	t.Helper()
	what.Kubeconfig, what.ChartSource = w.plane.Kubeconfig(), w.chartSource
	text, err := json.Marshal(what)
	require.NoError(t, err)
	program, err := os.Executable()
	require.NoError(t, err)
	p := &installer{cmd: exec.CommandContext(t.Context(), program), output: &transcript{}, ended: make(chan error, 1)}
	p.cmd.Env = append(slices.Clone(os.Environ()), jobVariable+"="+string(text))
	p.cmd.Stderr = p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C is the test's business
	require.NoError(t, p.cmd.Start())
	go func() { p.ended <- p.cmd.Wait() }()
	return p
}

func (p *installer) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the installer does not end")
		return nil
	}
}

func (w *world) awaitRevision(t *testing.T, namespace, release string, revision int, state string) {
	t.Helper()
	require.Eventually(t, func() bool { return w.history(t, namespace, release)[revision] == state }, patience, tick,
		"revision %d of %s is not %s", revision, release, state)
}

func (w *world) awaitDeployment(t *testing.T, namespace, name string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := w.kube.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
		return err == nil
	}, patience, tick, "there is no Deployment %s", name)
}

func (w *world) deploymentUID(t *testing.T, namespace, name string) string {
	t.Helper()
	deployment, err := w.kube.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return fmt.Sprint(deployment.UID)
}

func (w *world) controllerImage(t *testing.T) string {
	t.Helper()
	deployment, err := w.kube.AppsV1().Deployments("cozy-system").Get(t.Context(), "cozy-controller", metav1.GetOptions{})
	require.NoError(t, err)
	return deployment.Spec.Template.Spec.Containers[0].Image
}
