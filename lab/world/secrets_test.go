// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

func (s *stage) refusesBrokenSecrets() {
	s.mustUp("--until", "configs")
	path := filepath.Join(s.work, workdir.SecretsFile)
	whole, err := os.ReadFile(path)
	require.NoError(s.t, err)
	for name, broken := range map[string][]byte{
		"cut short": whole[:len(whole)/2],
		"empty":     {},
		"not YAML":  []byte("token: [hush"),
	} {
		require.NoError(s.t, os.WriteFile(path, broken, 0o600))
		code, said := s.start().wait(s.t)
		require.Equal(s.t, 1, code, said)
		require.Contains(s.t, verdict(s.t, said), path+": read Talos secrets: ", name)
		require.Contains(s.t, said, "hint: restore it from a backup", name)
		require.NotContains(s.t, said, "hush")
		after, err := os.ReadFile(path)
		require.NoError(s.t, err)
		require.Equal(s.t, string(broken), string(after), "%s: the file is evidence, and left alone", name)
	}
}

// identify makes an age identity beside the work directory and lets the site file name it.
func (s *stage) identify() *age.X25519Identity {
	s.t.Helper()
	identity, err := age.GenerateX25519Identity()
	require.NoError(s.t, err)
	file := filepath.Join(s.t.TempDir(), "identity")
	require.NoError(s.t, os.WriteFile(file, []byte(identity.String()+"\n"), 0o600))
	s.edit("bundle: paas-full", "bundle: paas-full\nsecrets: {ageRecipients: ["+identity.Recipient().String()+"], ageIdentityFile: "+file+"}")
	return identity
}

func (s *stage) refusesSecretsInTheOtherForm() {
	s.mustUp("--until", "configs")
	before, plain := s.hash(workdir.SecretsFile), s.siteFile
	s.identify()
	for range 2 {
		said := s.fails()
		require.Contains(s.t, said, "the cluster's secrets are in "+filepath.Join(s.work, workdir.SecretsFile)+", but the site file asks for secrets.yaml.age")
		require.Contains(s.t, said, "hint: secrets are never created twice")
	}
	require.Equal(s.t, before, s.hash(workdir.SecretsFile))
	require.NoFileExists(s.t, filepath.Join(s.work, workdir.EncryptedSecretsFile))
	s.siteFile = plain
	s.mustUp("--until", "configs")
	require.Equal(s.t, before, s.hash(workdir.SecretsFile))
}

func (s *stage) encryptsSecrets() {
	plain := s.siteFile
	identity := s.identify()
	s.mustUp("--until", "configs")
	requireWhole(s.t, s.work)
	path := filepath.Join(s.work, workdir.EncryptedSecretsFile)
	info, err := os.Stat(path)
	require.NoError(s.t, err)
	require.Equal(s.t, fs.FileMode(0o600), info.Mode())
	sealed, err := os.ReadFile(path)
	require.NoError(s.t, err)
	require.True(s.t, bytes.HasPrefix(sealed, []byte("-----BEGIN AGE ENCRYPTED FILE-----\n")))
	opened, err := talos.Decrypt(sealed, bytes.NewReader([]byte(identity.String())))
	require.NoError(s.t, err)
	_, err = talos.ParseSecrets(opened)
	require.NoError(s.t, err)
	require.NoFileExists(s.t, filepath.Join(s.work, workdir.SecretsFile), "never in the clear on disk")

	// Another run reads the same secrets, and makes the same configs of them.
	before, talosconfig := s.hash(workdir.EncryptedSecretsFile), filepath.Join(s.work, workdir.TalosconfigFile)
	require.NoError(s.t, os.Remove(talosconfig))
	s.mustUp("--until", "configs")
	require.Equal(s.t, before, s.hash(workdir.EncryptedSecretsFile))
	config, err := os.ReadFile(talosconfig)
	require.NoError(s.t, err)
	_, err = talos.ParseCredentials(config)
	require.NoError(s.t, err)

	// Without the identity, or with a site file that forgot the encryption, nothing is made anew.
	s.siteFile = plain
	require.Contains(s.t, s.fails(), "the cluster's secrets are in "+path)
	s.identify()
	said := s.fails()
	require.Contains(s.t, said, "no identity matches any of the recipients")
	require.Contains(s.t, said, "hint: secrets.ageIdentityFile must hold the identity")
	require.Equal(s.t, before, s.hash(workdir.EncryptedSecretsFile))
}
