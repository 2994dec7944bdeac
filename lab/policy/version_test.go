// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/build"
)

func TestTheEngineIsOfTheCiliumThatTheBundlesInstall(t *testing.T) {
	root, err := build.FindRoot()
	require.NoError(t, err)

	found := func(pattern string, path ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
		require.NoError(t, err)
		match := regexp.MustCompile(pattern).FindSubmatch(text)
		require.Len(t, match, 2, "%v", path)

		return string(match[1])
	}

	require.Equal(t,
		found(`(?m)^version: (\S+)$`, "bundles", "charts", "cilium.yaml"),
		found(`github\.com/cilium/cilium v(\S+)`, "lab", "tools", "policy", "go.mod"))
}
