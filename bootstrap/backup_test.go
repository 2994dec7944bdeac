// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

func TestABackupBringsTheSecretsBackAndIsReadByItsOwnerOnly(t *testing.T) {
	o := Options{Site: parseSite(t, "", ""), WorkDir: filepath.Join(t.TempDir(), "work")}
	now := time.Date(2026, 11, 26, 1, 2, 3, 0, time.UTC)
	mine, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	to := []string{mine.Recipient().String()}
	dir := t.TempDir()
	file, identity := filepath.Join(dir, "backup"), filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(identity, []byte(mine.String()), 0o600))

	var noSecrets *NoSecretsError
	_, err = CreateBackup(o, BackupOptions{File: file, EncryptTo: to}, now)
	require.ErrorAs(t, err, &noSecrets)
	_, _, err = GenerateConfigs(t.Context(), o)
	require.NoError(t, err)
	var plain *PlainBackupError
	_, err = CreateBackup(o, BackupOptions{File: file}, now)
	require.ErrorAs(t, err, &plain)
	require.NoFileExists(t, file)

	made, err := CreateBackup(o, BackupOptions{File: file, EncryptTo: to}, now)
	require.NoError(t, err)
	require.Equal(t, Backup{Site: "test", Path: file, Made: now, Encrypted: true, Files: []string{workdir.SecretsFile}}, made)
	sealed, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "BEGIN")
	require.True(t, talos.Sealed(sealed))

	again := o
	again.WorkDir = filepath.Join(t.TempDir(), "again")
	var noIdentity *NoIdentityError
	_, err = RestoreBackup(t.Context(), again, file, "")
	require.ErrorAs(t, err, &noIdentity)
	require.NoError(t, os.WriteFile(file+".cut", sealed[:len(sealed)-1], 0o600))
	_, err = RestoreBackup(t.Context(), again, file+".cut", identity)
	require.Error(t, err)
	require.NoDirExists(t, again.WorkDir)

	other := again
	other.Site = parseSite(t, "metadata: {name: test}", "metadata: {name: other}")
	var wrong *OtherSiteError
	_, err = RestoreBackup(t.Context(), other, file, identity)
	require.ErrorAs(t, err, &wrong)
	require.NoDirExists(t, again.WorkDir)

	_, err = RestoreBackup(t.Context(), again, file, identity)
	require.NoError(t, err)
	want, err := os.ReadFile(filepath.Join(o.WorkDir, workdir.SecretsFile))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(again.WorkDir, workdir.SecretsFile))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))

	_, err = CreateBackup(o, BackupOptions{File: file + ".plain", Plain: true}, now)
	require.NoError(t, err, "somebody may ask for it")
}

func TestAccessIsMadeAnewOrTheKeptOneWithTheReason(t *testing.T) {
	o := Options{Site: parseSite(t, "", ""), WorkDir: filepath.Join(t.TempDir(), "work")}
	var noSecrets *NoSecretsError
	_, err := Kubeconfig(t.Context(), o)
	require.ErrorAs(t, err, &noSecrets)
	_, err = Talosconfig(o)
	require.ErrorAs(t, err, &noSecrets)

	dir, err := workdir.Open(o.WorkDir)
	require.NoError(t, err)
	require.NoError(t, dir.Write(t.Context(), workdir.TalosconfigFile, []byte("kept talosconfig")))
	require.NoError(t, dir.Write(t.Context(), workdir.KubeconfigFile, []byte("kept kubeconfig")))
	require.NoError(t, dir.Close())
	access, err := Talosconfig(o)
	require.NoError(t, err)
	require.Equal(t, "kept talosconfig", string(access.Data))
	require.True(t, access.Kept)

	_, _, err = GenerateConfigs(t.Context(), o)
	require.NoError(t, err)
	access, err = Talosconfig(o)
	require.NoError(t, err)
	require.False(t, access.Kept)
	_, err = talos.ParseCredentials(access.Data)
	require.NoError(t, err)

	access, err = Kubeconfig(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "kept kubeconfig", string(access.Data))
	require.True(t, access.Kept)
	require.ErrorIs(t, access.Why, talos.ErrUnavailable)
	for _, name := range []string{"cp1", "cp2", "cp3"} {
		require.ErrorContains(t, access.Why, name)
	}
}
