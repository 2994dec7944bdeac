// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkStart is what every call of the program costs before it does anything; the limit is 100 ms.
func BenchmarkStart(b *testing.B) {
	binary := build(b)
	for b.Loop() {
		out, err := exec.CommandContext(b.Context(), binary, "version").Output()
		require.NoError(b, err)
		require.Contains(b, string(out), "cozy-install")
	}
	perRun := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(perRun/0.1, "x-limit")
}
