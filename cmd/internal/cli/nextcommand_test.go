// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommandsInHintsAreOnesToCopy(t *testing.T) {
	said := func(args ...string) func(string) string {
		c, rest, err := newRoot(Streams{}, "v1").Find(args)
		require.NoError(t, err)
		require.NoError(t, c.ParseFlags(rest))
		return func(text string) string { return copyable(c, text) }
	}
	plain := said("up")
	site := said("up", "-f", "a b.yaml", "--work-dir=/w", "--chart-source=http://x")
	cluster := said("tenant", "list", "--kubeconfig", "k", "--context", "it's")
	const none = "look at cozy-install status, or run cozy-install node add n1; cozy-install is there"
	require.Equal(t, none, plain(none))
	require.Equal(t, none, cluster(none), "it takes no such flag")
	require.Equal(t, "look at cozy-install status -f 'a b.yaml' --work-dir /w, or run cozy-install node add -f 'a b.yaml' --work-dir /w n1; "+
		"cozy-install is there", site(none))
	for _, foreign := range []string{"cozy-install image push REGISTRY", "cozy-install bundle serve --store x", "cozy-install tenant tree", "cozy-install"} {
		require.Equal(t, foreign, site(foreign), "which site is meant is nothing to it")
	}
	require.Equal(t, "(cozy-install tenant show --context 'it'\\''s' --kubeconfig k root)", cluster("(cozy-install tenant show root)"))
	require.Equal(t, "cozy-install config init -f a", said("config", "validate", "-f", "a")("cozy-install config init"))
	require.Equal(t, "as it is", copyable(nil, "as it is"))
}

func TestAFailureSaysWhatToRunNextForTheSameSite(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone.yaml")
	code, _, said := run(t, "plan", "-f", gone)
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "make one: cozy-install config init -f "+gone+"\n")
}
