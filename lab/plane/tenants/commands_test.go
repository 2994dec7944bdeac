// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/lab/build"
	"github.com/cozystack/cozy-install/lab/frame"
	"github.com/cozystack/cozy-install/tenant"
)

// commands are cozy-install as somebody runs it who has a kubeconfig and nothing else.
type commands struct{ program, kubeconfig string }

// run gives what the program prints on standard output and on standard error.
func (c commands) run(t *testing.T, line string) (out, said string, err error) {
	t.Helper()

	var stdout, stderr bytes.Buffer

	cmd := exec.CommandContext(t.Context(), c.program, strings.Fields(line)...)
	cmd.Env = []string{"KUBECONFIG=" + c.kubeconfig, "HOME=" + t.TempDir()}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()

	return stdout.String(), stderr.String(), err
}

// does wants a command to end well and to print all of some texts. Nobody is told of the tenant beside.
func (c commands) does(t *testing.T, line string, prints ...string) {
	t.Helper()

	out, said, err := c.run(t, line)
	require.NoError(t, err, "%s: %s", line, said)

	for _, text := range prints {
		require.Contains(t, out+said, text, line)
	}

	require.NotContains(t, out+said, "tenant-beside", line)
}

// fails wants a command to fail, and to say what is missing and what to do.
func (c commands) fails(t *testing.T, line string, says ...string) {
	t.Helper()

	out, said, err := c.run(t, line)
	require.Error(t, err, "%s: %s", line, out)

	for _, text := range append(says, "hint: ") {
		require.Contains(t, said, text, line)
	}
}

// usersOf builds the program and gives a kubeconfig of each level of a tenant, as an administrator of the platform hands it out.
func (w *world) usersOf(t *testing.T, path string) map[tenant.Level]commands {
	t.Helper()

	root, err := build.FindRoot()
	require.NoError(t, err)

	dir := t.TempDir()
	program, err := frame.Build(t.Context(), root, dir)
	require.NoError(t, err)

	platform, users := commands{program, w.plane.Kubeconfig()}, map[tenant.Level]commands{}

	for _, level := range tenant.Levels() {
		file := filepath.Join(dir, string(level))
		platform.does(t, "tenant kubeconfig "+path+" --level "+string(level)+" --output "+file, "The token ends at")
		users[level] = commands{program, file}
	}

	return users
}

// createPod makes a pod that nobody runs. Kubernetes takes a moment to make the service account that it needs.
func (w *world) createPod(t *testing.T, namespace, name string, labels map[string]string) {
	t.Helper()

	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
	w.await(t, func() bool { return w.client.Create(t.Context(), pod.DeepCopy()) == nil }, func() string { return "no pod is taken in " + namespace })
	t.Cleanup(func() { // its namespace may have taken it along
		require.NoError(t, client.IgnoreNotFound(w.client.Delete(context.WithoutCancel(t.Context()), pod)))
	})
}
