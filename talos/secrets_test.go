// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	machinery "github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestNewSecretsAreValidFromNow(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

	secrets, err := talos.NewSecrets("v1.13.9", now)
	require.NoError(t, err)

	data, err := secrets.Marshal()
	require.NoError(t, err)

	// talosctl reads the file with this function.
	path := filepath.Join(t.TempDir(), "secrets.yaml")
	require.NoError(t, os.WriteFile(path, data, 0o600))

	bundle, err := machinery.LoadBundle(path)
	require.NoError(t, err)
	require.NoError(t, bundle.Validate())

	authority, err := bundle.Certs.OS.GetCert()
	require.NoError(t, err)
	require.Equal(t, now, authority.NotBefore.UTC())

	again, err := talos.ParseSecrets(data)
	require.NoError(t, err)

	copied, err := again.Marshal()
	require.NoError(t, err)
	require.Equal(t, data, copied)
}

func TestNewSecretsRefuseUnknownVersions(t *testing.T) {
	_, err := talos.NewSecrets("v1.99.0", time.Now())

	var version *talos.VersionError
	require.ErrorAs(t, err, &version)
}

func TestParseSecretsSaysWhatIsMissing(t *testing.T) {
	data, err := os.ReadFile("testdata/secrets-test-only.yaml")
	require.NoError(t, err)

	for name, test := range map[string]struct{ data, want string }{
		"empty":       {"", "cluster is required"},
		"not YAML":    {"{{{", "not a secrets bundle"},
		"wrong types": {"cluster: [1]\n", "not a secrets bundle (line 1)"},
		"no token":    {strings.Replace(string(data), "trustdinfo:", "unknown:", 1), "trustdinfo is required"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := talos.ParseSecrets([]byte(test.data))
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// keyMaterial lists what may appear nowhere: every token and every key, in each encoding it is written in.
func keyMaterial(t *testing.T, secrets *talos.Secrets, talosconfig []byte) []string {
	t.Helper()

	data, err := secrets.Marshal()
	require.NoError(t, err)

	var found []string

	for line := range strings.Lines(string(data) + string(talosconfig)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "key", "token", "secret", "bootstraptoken", "secretboxencryptionsecret":
			found = append(found, value)

			if plain, err := base64.StdEncoding.DecodeString(value); err == nil && bytes.HasPrefix(plain, []byte("-----BEGIN")) {
				found = append(found, strings.Split(string(plain), "\n")[1])
			}
		}
	}

	require.Greater(t, len(found), 12)

	return found
}

func requireNoSecrets(t *testing.T, text string, material []string) {
	t.Helper()

	for i, secret := range material {
		if strings.Contains(text, secret) {
			t.Errorf("secret %d is in a text of %d bytes", i, len(text))
		}
	}
}

func TestSecretsAndCredentialsNeverPrint(t *testing.T) {
	secrets := testSecrets(t)

	talosconfig, err := talos.Talosconfig(testCluster(), secrets, []string{"10.77.0.11"})
	require.NoError(t, err)

	creds, err := talos.ParseCredentials(talosconfig)
	require.NoError(t, err)

	material := keyMaterial(t, secrets, talosconfig)
	requireNoSecrets(t, "nothing", material)

	for _, value := range []any{secrets, *secrets, creds, *creds, struct{ S *talos.Secrets }{secrets}, []any{creds}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			requireNoSecrets(t, fmt.Sprintf(verb, value), material)
		}

		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		requireNoSecrets(t, string(encoded), material)

		var log bytes.Buffer

		slog.New(slog.NewTextHandler(&log, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "value", value)
		requireNoSecrets(t, log.String(), material)
	}

	require.Contains(t, fmt.Sprintf("%+v", secrets), "redacted")
	require.Contains(t, fmt.Sprintf("%d", creds), "redacted")
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	secrets := testSecrets(t)

	talosconfig, err := talos.Talosconfig(testCluster(), secrets, nil)
	require.NoError(t, err)

	material := keyMaterial(t, secrets, talosconfig)
	data, err := secrets.Marshal()
	require.NoError(t, err)

	// Each line broken in turn: whatever the parser says about it must not quote it.
	broken := 0

	for _, file := range []struct {
		data  []byte
		parse func([]byte) error
	}{
		{data, func(b []byte) error { _, err := talos.ParseSecrets(b); return err }},
		{talosconfig, func(b []byte) error { _, err := talos.ParseCredentials(b); return err }},
	} {
		lines := strings.Split(string(file.data), "\n")
		for i := range lines {
			for _, damage := range []func(string) string{
				func(s string) string { return strings.Replace(s, ": ", ": [", 1) },
				func(s string) string { return strings.Replace(s, ": ", ": [", 1) + "]" },
				func(s string) string { return strings.Replace(s, ": ", ": !", 1) },
				func(s string) string { return strings.Replace(s, "k", "K", 1) },
				func(s string) string { return s + "AAAA" },
			} {
				changed := append([]string{}, lines...)
				changed[i] = damage(lines[i])

				if err := file.parse([]byte(strings.Join(changed, "\n"))); err != nil {
					broken++

					requireNoSecrets(t, err.Error(), material)
				}
			}
		}
	}

	require.Greater(t, broken, 30, "the damage must be noticed")

	cluster, node := testCluster(), testNode(talos.ControlPlane)
	for _, patch := range []map[string]any{
		{"machine": tree{"token": ""}},
		{"machine": tree{"ca": nil}},
		{"cluster": tree{"ca": tree{"key": "zz"}}},
		{"machine": tree{"type": "unknown"}},
		{"cluster": tree{"network": tree{"podSubnets": []any{"x"}}}},
		{"machine": tree{"install": tree{"extraKernelArgs": []any{"quiet"}}}},
	} {
		node.Patches = patches("nodes[0]", patch)
		if _, err := talos.Generate(cluster, secrets, node); err != nil {
			requireNoSecrets(t, err.Error(), material)
		}
	}
}

func TestEncryptedSecretsOpenWithAnyIdentity(t *testing.T) {
	first, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	second, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)

	plain := []byte("cluster:\n  secret: hidden\n")

	sealed, err := talos.Encrypt(plain, []string{first.Recipient().String(), second.Recipient().String()})
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "hidden")
	require.True(t, talos.Encrypted(sealed))
	require.False(t, talos.Encrypted(plain))

	for _, identity := range []*age.X25519Identity{first, second} {
		opened, err := talos.Decrypt(sealed, strings.NewReader("# made for the test\n"+identity.String()+"\n"))
		require.NoError(t, err)
		require.Equal(t, plain, opened)
	}

	_, err = talos.Decrypt(sealed, strings.NewReader(other.String()))
	require.ErrorIs(t, err, talos.ErrNoIdentity)

	_, err = talos.Decrypt(sealed, strings.NewReader(first.String()+"X"))
	require.ErrorContains(t, err, "no valid age identities")
	require.NotContains(t, err.Error(), first.String())

	_, err = talos.Decrypt(plain, strings.NewReader(first.String()))
	require.ErrorContains(t, err, "decrypt secrets")

	_, err = talos.Encrypt(plain, nil)
	require.ErrorContains(t, err, "no age recipient")

	_, err = talos.Encrypt(plain, []string{"age1nonsense"})
	require.ErrorContains(t, err, "recipients")
}
