// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// A skipped phase is one whose result is there already. Where it is not, waiting for it would be in vain.
func TestUpFromThePhaseAfterOneThatNeverRanFailsAtOnce(t *testing.T) {
	s := parseSite(t, "", "")
	var noSecrets *NoSecretsError
	var noKubeconfig *NoKubeconfigError
	for from, want := range map[string]any{
		"configs": &noSecrets, "netboot": &noSecrets, "apply": &noSecrets, "install": &noSecrets, "etcd": &noSecrets,
		"kubeconfig": &noSecrets, "register": &noKubeconfig, "core": &noKubeconfig, "nodes": &noKubeconfig,
		"packages": &noKubeconfig, "tenant-root": &noKubeconfig,
	} {
		t.Run(from, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			work := t.TempDir()
			out, err := Up(ctx, Options{Site: s, WorkDir: work, From: from})
			require.ErrorAs(t, err, want)
			require.False(t, out.Complete)
			require.NoFileExists(t, filepath.Join(work, workdir.JournalFile), "no choice is written down")
			var hinting interface{ Hint() string }
			require.ErrorAs(t, err, &hinting)
			require.Contains(t, hinting.Hint(), "without --from")
		})
	}
}

func TestUpUntilIsNotComplete(t *testing.T) {
	out, err := Up(t.Context(), Options{Site: parseSite(t, "", ""), WorkDir: t.TempDir(), Until: "configs"})
	require.NoError(t, err)
	require.False(t, out.Complete)
	require.Len(t, out.Phases, 2)
}

func TestAnInterruptedWaitEndsAtOnce(t *testing.T) {
	s := parseSite(t, "mode: proxy", "mode: off")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel)
	start := time.Now()
	_, err := Up(ctx, Options{Site: s, WorkDir: t.TempDir(), Until: "netboot"})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(start), time.Minute, "the wait itself takes half an hour")
}

func TestAClosingErrorIsToldOnce(t *testing.T) {
	port, other := errors.New("port in use"), errors.New("other")
	require.NoError(t, joinNew(nil, nil))
	require.EqualError(t, joinNew(nil, port), "port in use")
	require.EqualError(t, joinNew(fmt.Errorf("netboot: %w", port), port), "netboot: port in use")
	require.EqualError(t, joinNew(other, port), "other\nport in use")
}
