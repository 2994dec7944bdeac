// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/cozystack/cozy-install/talos"
)

func TestAScrubberTakesTheClustersSecretsOutInEveryForm(t *testing.T) {
	secrets := testSecrets(t)
	talosconfig, err := talos.Talosconfig(testCluster(), secrets, []string{"10.0.0.1"})
	require.NoError(t, err)
	scrubber, err := talos.NewScrubber(secrets, []string{"bmc-password-1"}, talosconfig)
	require.NoError(t, err)

	material := keyMaterial(t, secrets, talosconfig)
	for i, secret := range material {
		for _, text := range []string{"level=info token=" + secret + " done", `{"a":"` + secret + `"}`} {
			scrubbed := string(scrubber.Scrub([]byte(text)))
			requireNoSecrets(t, scrubbed, []string{secret})
			require.Contains(t, scrubbed, "(redacted)", "secret %d", i)
		}

		if _, half, isToken := strings.Cut(secret, "."); isToken {
			inKubernetes := base64.StdEncoding.EncodeToString([]byte(half))
			require.Equal(t, "data: {token-secret: (redacted)}", string(scrubber.Scrub([]byte("data: {token-secret: "+inKubernetes+"}"))))
		}
	}

	data, err := secrets.Marshal()
	require.NoError(t, err)

	config, err := talos.Generate(testCluster(), secrets, testNode(talos.ControlPlane))
	require.NoError(t, err)

	for _, text := range []string{string(data), string(config), string(talosconfig)} {
		requireNoSecrets(t, string(scrubber.Scrub([]byte(text))), material)
	}

	require.Contains(t, string(scrubber.Scrub(config)), "crt: LS0t", "certificates are not secret")
	require.Equal(t, "login admin (redacted)", string(scrubber.Scrub([]byte("login admin bmc-password-1"))))
}

func TestAScrubberKnowsTheFormOfSecrets(t *testing.T) {
	scrubber, err := talos.NewScrubber(nil, []string{"", "short"})
	require.NoError(t, err)

	for text, want := range map[string]string{
		"Command line: talos.platform=metal talos.config.inline=AAAA== quiet":          "Command line: talos.platform=metal talos.config.inline=(redacted) quiet",
		"pull https://user:hunter2@registry.example/v2":                                "pull https://user:(redacted)@registry.example/v2",
		"a\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\nb": "a\n(redacted)\nb",
		`{"key":"-----BEGIN PRIVATE KEY-----\nMHcCAQEE\n-----END PRIVATE KEY-----\n"}`: `{"key":"(redacted)\n"}`,
		"Authorization: Bearer abcdefghijklmnopqrst":                                   "Authorization: Bearer (redacted)",
		"AGE-SECRET-KEY-1QQQQ":                        "(redacted)",
		"a short https://10.0.0.1:6443/readyz @ noon": "a short https://10.0.0.1:6443/readyz @ noon",
	} {
		require.Equal(t, want, string(scrubber.Scrub([]byte(text))))
	}
}

func TestAScrubberWithoutReadableSecretsKnowsTheRest(t *testing.T) {
	scrubber, err := talos.NewScrubber(nil, nil, []byte("token: [hush"), []byte("token: abcdefgh12345678\n"))
	require.ErrorContains(t, err, "not YAML")
	require.NotContains(t, err.Error(), "hush")
	require.Equal(t, "(redacted)", string(scrubber.Scrub([]byte("abcdefgh12345678"))))
}

func TestARedactedConfigShowsItsShapeOnly(t *testing.T) {
	node := testNode(talos.ControlPlane)
	node.Patches = []talos.Patch{{Place: "x", Body: map[string]any{
		"machine": map[string]any{
			"files": []any{map[string]any{
				"path": "/var/etc/x", "op": "create", "permissions": 0o600, "content": "password is hunter2-file",
			}},
			"env": map[string]any{"https_proxy": "http://user:hunter2-env@proxy"},
		},
		"cluster": map[string]any{"inlineManifests": []any{map[string]any{
			"name": "x", "contents": "kind: Secret\nstringData: {a: hunter2-manifest}",
		}}},
	}}}
	secrets := testSecrets(t)
	config, err := talos.Generate(testCluster(), secrets, node)
	require.NoError(t, err)
	require.Contains(t, string(config), "hunter2")

	shown, err := talos.RedactConfig(config)
	require.NoError(t, err)
	require.NotContains(t, string(shown), "hunter2")
	requireNoSecrets(t, string(shown), keyMaterial(t, secrets, nil))

	for _, still := range []string{"/var/etc/x", "install:", "diskSelector", testCluster().Name} {
		require.Contains(t, string(shown), still)
	}

	_, err = talos.RedactConfig([]byte("machine: {token: hush"))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hush")
}

func TestRedactedYAMLKeepsWhatIsNoSecret(t *testing.T) {
	shown, err := talos.RedactYAML([]byte(`
nodes: [{name: cp1, bmc: {username: admin, passwordFile: bmc.txt}}]
values:
  db: {password: hunter2, rootPassword: "", apiKey: hunter2, keyName: k}
  extra: [{name: DB_PASSWORD, value: hunter2}, {name: MODE, value: fast}]
secrets: {ageRecipients: [age1xyz], ageIdentityFile: id} # hunter2
---
kind: Secret
data: {a: hunter2}
`))
	require.NoError(t, err)
	require.NotContains(t, string(shown), "hunter2")

	documents := strings.Split(string(shown), "---\n")
	require.Len(t, documents, 2)

	var site map[string]any

	require.NoError(t, yaml.Unmarshal([]byte(documents[0]), &site))
	require.Equal(t, map[string]any{
		"nodes": []any{map[string]any{"name": "cp1", "bmc": map[string]any{"username": "admin", "passwordFile": "bmc.txt"}}},
		"values": map[string]any{
			"db":    map[string]any{"password": "(redacted)", "rootPassword": "", "apiKey": "(redacted)", "keyName": "k"},
			"extra": []any{map[string]any{"name": "DB_PASSWORD", "value": "(redacted)"}, map[string]any{"name": "MODE", "value": "fast"}},
		},
		"secrets": map[string]any{"ageRecipients": []any{"age1xyz"}, "ageIdentityFile": "id"},
	}, site)
}
