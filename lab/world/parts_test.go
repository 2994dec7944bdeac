// SPDX-License-Identifier: Apache-2.0

package world

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/talos"
)

// in is the same stage in a part of a test.
func (s *stage) in(t *testing.T) *stage {
	t.Helper()
	return &stage{World: s.World, t: t, work: s.work, siteFile: s.siteFile, through: s.through}
}

// fresh is the same world with a work directory of its own, in a part of a test.
func (s *stage) fresh(t *testing.T) *stage {
	t.Helper()
	part := s.in(t)
	part.work = filepath.Join(t.TempDir(), "work")
	return part
}

// edit makes the stage use a changed copy of its site file. The text that is replaced must be there once.
func (s *stage) edit(old, changed string) {
	s.t.Helper()
	text, err := os.ReadFile(s.siteFile)
	require.NoError(s.t, err)
	require.Equal(s.t, 1, strings.Count(string(text), old), "%q in %s", old, s.siteFile)
	dir, err := os.MkdirTemp(filepath.Dir(s.work), "edited-")
	require.NoError(s.t, err)
	s.siteFile = filepath.Join(dir, "site.yaml")
	require.NoError(s.t, os.WriteFile(s.siteFile, []byte(strings.Replace(string(text), old, changed, 1)), 0o600))
}

// fails runs up to its failure and gives what it said to a person at its end.
func (s *stage) fails(args ...string) string {
	s.t.Helper()
	code, said := s.start(args...).wait(s.t)
	require.Equal(s.t, 1, code, "up said:\n%s", said)
	requireWhole(s.t, s.work)
	return verdict(s.t, said)
}

// verdict is the error and the hint at the end of what a command said.
func verdict(t *testing.T, said string) string {
	t.Helper()
	i := strings.LastIndex("\n"+said, "\ncozy-install: ")
	require.GreaterOrEqual(t, i, 0, "no error in:\n%s", said)
	said = said[i:]
	t.Logf("%s", strings.TrimSpace(said))
	lines := strings.Split(strings.TrimSpace(said), "\n")
	for _, line := range lines[1:] {
		require.NotContains(t, lines[0], strings.TrimSpace(line), "it is said twice")
	}
	return said
}

// requireWhole checks that nothing in a work directory is half-written, and nothing of it is for others.
func requireWhole(t *testing.T, work string) {
	t.Helper()
	kubeconfig := func(data []byte) error {
		return requireThat(strings.Contains(string(data), "kind: Config"), "no kubeconfig")
	}
	parsers := map[string]func([]byte) error{
		"lock":                       func([]byte) error { return nil },
		workdir.EncryptedSecretsFile: func(data []byte) error { return requireThat(talos.Encrypted(data), "not age text") },
		workdir.SecretsFile:          func(data []byte) error { _, err := talos.ParseSecrets(data); return err },
		workdir.TalosconfigFile:      func(data []byte) error { _, err := talos.ParseCredentials(data); return err },
		workdir.KubeconfigFile:       kubeconfig,
		workdir.RootKubeconfigFile:   kubeconfig,
		workdir.JournalFile:          func(data []byte) error { return requireThat(json.Valid(data), "no JSON") },
		workdir.NetbootFile:          func(data []byte) error { return requireThat(json.Valid(data), "no JSON") },
	}
	if _, err := os.Stat(work); errors.Is(err, fs.ErrNotExist) {
		return // a site file that is refused leaves nothing behind
	}
	err := filepath.WalkDir(work, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(work, path)
		require.NoError(t, err)
		require.NotRegexp(t, `(\.new|\.part|\.tmp|[0-9]{6,})$`, name, "left over")
		if strings.HasPrefix(name, workdir.AssetsDir) {
			return nil
		}
		info, err := entry.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode(), name)
		require.Contains(t, parsers, name, "nobody knows this file")
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, parsers[name](data), name)
		return nil
	})
	require.NoError(t, err)
}

func requireThat(holds bool, problem string) error {
	if holds {
		return nil
	}
	return fmt.Errorf("%s", problem)
}

// hash is the fingerprint of a file in the work directory.
func (s *stage) hash(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.work, name))
	require.NoError(s.t, err)
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// count says how often something happened to machines; no name means any.
func (s *stage) count(kind string, machines ...string) int {
	happened := 0
	for _, e := range s.Fleet.Events() {
		if e.Kind == kind && (len(machines) == 0 || slices.Contains(machines, e.Machine)) {
			happened++
		}
	}
	return happened
}

// when does something at once after the next event of a kind at a machine. What comes back waits for it, and fails the
// test if it never happened.
func (s *stage) when(machine, kind string, is func(fleet.Event) bool, do func() error) (happened func()) {
	s.t.Helper()
	seen := len(s.Fleet.Events())
	done := make(chan error, 1)
	go func() {
		deadline := time.Now().Add(2 * time.Minute)
		for time.Now().Before(deadline) && s.t.Context().Err() == nil {
			events := s.Fleet.Events()
			for _, e := range events[seen:] {
				if e.Machine == machine && e.Kind == kind && is(e) {
					done <- do()
					return
				}
			}
			seen = len(events)
			time.Sleep(time.Millisecond)
		}
		done <- fmt.Errorf("%s never saw the event %s", machine, kind)
	}()
	return func() {
		s.t.Helper()
		require.NoError(s.t, <-done)
	}
}

func always(fleet.Event) bool { return true }

func entering(state fleet.State) func(fleet.Event) bool {
	return func(e fleet.Event) bool { return e.Details["to"] == string(state) }
}
