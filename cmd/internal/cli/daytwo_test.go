// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	agekeys "filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// keptSite is a dead site whose work directory has secrets and a kubeconfig.
func keptSite(t *testing.T) (file, work string) {
	t.Helper()
	file, work = deadSiteFile(t)
	code, _, said := run(t, "talos", "generate", "-f", file, "--work-dir", work, "-o", filepath.Join(t.TempDir(), "talos"))
	require.Zero(t, code, said)
	require.NoError(t, os.WriteFile(filepath.Join(work, workdir.KubeconfigFile), []byte("kind: Config\n"), 0o600))
	return file, work
}

func TestKubeconfigOfADeadSiteIsTheKeptOneAndSaysSo(t *testing.T) {
	file, work := keptSite(t)
	code, out, said := run(t, "kubeconfig", "-f", file, "--work-dir", work)
	require.Zero(t, code, said)
	require.Equal(t, "kind: Config\n", out)
	require.Contains(t, said, "This is the one kept in "+filepath.Join(work, "kubeconfig")+", because: ask cp1: fetch kubeconfig on 127.213.7.2:50000")
}

func TestTalosconfigGoesToAFileOfItsOwnersOnly(t *testing.T) {
	file, work := keptSite(t)
	path := filepath.Join(t.TempDir(), "talosconfig")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	code, out, said := run(t, "talosconfig", "-f", file, "--work-dir", work, "-o", path)
	require.Zero(t, code, said)
	require.Empty(t, out)
	require.Contains(t, said, "Wrote "+path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(data), "context: test")
}

func TestGeneratedConfigsAreForTheirOwnerOnlyWhateverWasThere(t *testing.T) {
	file, work := keptSite(t)
	dir := t.TempDir()
	for _, name := range []string{"cp1.yaml", "talosconfig"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	code, _, said := run(t, "talos", "generate", "-f", file, "--work-dir", work, "-o", dir)
	require.Zero(t, code, said)
	for _, name := range []string{"cp1.yaml", "w1.yaml", "talosconfig"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode(), name)
	}
}

func TestBackupCreateAndRestore(t *testing.T) {
	file, work := keptSite(t)
	dir := t.TempDir()
	identity, err := agekeys.GenerateX25519Identity()
	require.NoError(t, err)
	key, sealed := filepath.Join(dir, "key"), filepath.Join(dir, "backup.age")
	require.NoError(t, os.WriteFile(key, []byte(identity.String()), 0o600))

	code, _, said := run(t, "backup", "create", "-f", file, "--work-dir", work, "-o", sealed)
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, "--encrypt-to age1")
	code, _, said = run(t, "backup", "create", "-f", file, "--work-dir", work, "-o", sealed, "--encrypt-to", "nobody")
	require.Equal(t, exitUsage, code, said)
	code, out, said := run(t, "backup", "create", "-f", file, "--work-dir", work, "-o", sealed, "--encrypt-to", identity.Recipient().String())
	require.Zero(t, code, said)
	require.Equal(t, sealed+" holds kubeconfig, secrets.yaml (encrypted).\n", out)

	code, _, said = run(t, "backup", "restore", sealed, "-f", file, "--work-dir", work, "--identity", key)
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, "is not empty")
	again := filepath.Join(dir, "again")
	code, out, said = run(t, "backup", "restore", sealed, "-f", file, "--work-dir", again, "--identity", key, "--json")
	require.Zero(t, code, said)
	var restored bootstrap.Backup
	require.NoError(t, json.Unmarshal([]byte(out), &restored))
	require.Equal(t, []string{"kubeconfig", "secrets.yaml"}, restored.Files)
	want, err := os.ReadFile(filepath.Join(work, workdir.SecretsFile))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(again, workdir.SecretsFile))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestEtcdSnapshotRefusesWrongSchedules(t *testing.T) {
	file, work := keptSite(t)
	for _, args := range [][]string{
		{"--keep", "3"}, {"--every", "1s"}, {"--every", "6h", "--keep", "0"}, {"--every", "6h", "-o", "x"}, {"--encrypt-to", "nobody"}, {"surplus"},
	} {
		code, out, said := run(t, append([]string{"etcd", "snapshot", "-f", file, "--work-dir", work}, args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", args, said)
		require.Empty(t, out)
	}
	code, _, said := run(t, "etcd", "snapshot", "-f", file, "--work-dir", work)
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, "no control plane has a healthy etcd: cp1: ")
}

func TestSnapshotTextSaysWhereAndHowLarge(t *testing.T) {
	text := snapshotText(bootstrap.TakenSnapshot{
		Path: "/w/snapshots/etcd-1.db", Node: "cp2", Bytes: 20 << 20, SHA256: "ab", Taken: time.Now(), Removed: []string{"/w/snapshots/etcd-0.db"},
	})
	require.Equal(t, "/w/snapshots/etcd-1.db: 20 MiB of etcd on cp2, not encrypted, sha256 ab\nremoved /w/snapshots/etcd-0.db\n", text)
}
