// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

func TestSecretsThatTheNextRunCouldNotReadAreNotWritten(t *testing.T) {
	recipient, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	identity := filepath.Join(t.TempDir(), "identity")
	s := parseSite(t, "bundle: paas-full",
		"bundle: paas-full\nsecrets: {ageRecipients: ["+recipient.Recipient().String()+"], ageIdentityFile: "+identity+"}")
	up := func(work string) error {
		_, err := Up(t.Context(), Options{Site: s, WorkDir: work, Until: "secrets"})
		return err
	}
	work := t.TempDir()
	path := filepath.Join(work, workdir.EncryptedSecretsFile)
	var broken *BrokenSecretsError

	require.ErrorAs(t, up(work), &broken, "no identity file")
	require.Contains(t, broken.Hint(), "secrets.ageIdentityFile")
	require.NoFileExists(t, path)

	require.NoError(t, os.WriteFile(identity, []byte(other.String()+"\n"), 0o600))
	require.ErrorAs(t, up(work), &broken, "somebody else's identity")
	require.NotContains(t, broken.Error(), other.String())
	require.NoFileExists(t, path)

	require.NoError(t, os.WriteFile(identity, []byte(recipient.String()+"\n"), 0o600))
	require.NoError(t, up(work))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, up(work))
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after, "never made twice")
}
