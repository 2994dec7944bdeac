// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// kubectl runs the command as an operator would, and returns all that it prints.
func (w *world) kubectl(t *testing.T, arguments ...string) (string, error) {
	t.Helper()

	cmd := exec.CommandContext(t.Context(), w.plane.Tools().Kubectl, arguments...)
	cmd.Env = []string{"KUBECONFIG=" + w.plane.Kubeconfig(), "HOME=" + t.TempDir(), "PATH=/usr/bin:/bin"} // diff runs diff
	out, err := cmd.CombinedOutput()

	return string(out), err
}

// apply hands a manifest to kubectl apply, which asks for strict validation as it always does.
func (w *world) apply(t *testing.T, manifest string) (string, error) {
	t.Helper()

	return w.kubectl(t, "apply", "--filename", w.manifest(t, manifest))
}

// manifest is a file for kubectl.
func (*world) manifest(t *testing.T, text string) string {
	t.Helper()

	file := filepath.Join(t.TempDir(), "manifest.json")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	return file
}
