// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkStart is what every call of the program costs before it does anything; the limit is 100 ms.
func BenchmarkStart(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "cozy-install")
	said, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(b, err, string(said))
	for b.Loop() {
		out, err := exec.CommandContext(b.Context(), binary, "version").Output()
		require.NoError(b, err)
		require.Contains(b, string(out), "cozy-install")
	}
	perRun := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(perRun/0.1, "x-limit")
}
