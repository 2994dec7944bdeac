// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func encoded(value string) string { return base64.StdEncoding.EncodeToString([]byte(value)) }

// postgresWithAll asks for everything that the chart has.
func postgresWithAll() map[string]any {
	return ordered("postgres", map[string]any{
		"version": 17, "replicas": 3, "size": "20Gi", "storageClass": "replicated", "external": true,
		"resources":   map[string]any{"cpu": "1500m", "memory": "2Gi"},
		"parameters":  map[string]any{"max_connections": "200"},
		"synchronous": map[string]any{"replicas": 1},
		"users": []any{
			map[string]any{"name": "reports", "roles": []any{"pg_read_all_data"}, "connectionLimit": 5},
			map[string]any{"name": "shop_owner", "memberOf": []any{"app"}, "replication": true},
		},
		"databases": []any{map[string]any{
			"name": "shop_eu", "owner": "shop_owner", "extensions": []any{map[string]any{"name": "vector"}, map[string]any{"name": "pg_trgm", "version": "1.6"}},
		}},
		"pooler": map[string]any{"replicas": 2, "mode": "transaction"},
		"backup": map[string]any{
			"enabled": true, "destination": "s3://backups/postgres", "endpoint": "https://s3.example.org", "secret": "seaweedfs-s3",
		},
		"restore": map[string]any{"server": "postgres-old", "time": "2026-11-26T12:00:00Z"},
	})
}

// secretsOf are the values of the Secrets that a rendering has, by the Secrets' names.
func secretsOf(t *testing.T, manifest string) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, object := range objects(t, manifest) {
		if object["kind"] == "Secret" {
			out[object["metadata"].(map[string]any)["name"].(string)], _ = stored(object, "").Object["data"].(map[string]any)
		}
	}
	return out
}

func TestPasswordsOfPostgresAreMadeOnce(t *testing.T) {
	r := rendering{"postgres-all", "postgres", "tenant-alpha", postgresWithAll()}
	first := render(t, r)
	require.Equal(t, secretsOf(t, first), secretsOf(t, renderOn(t, r, first)))
	require.NotEqual(t, secretsOf(t, first), secretsOf(t, render(t, r)), "without a cluster there is nothing to keep")
}

func TestCredentialsOfPostgresAreThoseOfItsUsers(t *testing.T) {
	secrets := secretsOf(t, render(t, rendering{"postgres-all", "postgres", "tenant-alpha", postgresWithAll()}))
	credentials := secrets["postgres-credentials"]
	require.Equal(t, secrets["postgres.user.app"]["password"], credentials["password"])
	require.Equal(t, secrets["postgres.user.shop-owner"]["password"], credentials["shop_owner.password"])
	require.Equal(t, encoded("shop_owner"), secrets["postgres.user.shop-owner"]["username"])
	require.NotContains(t, credentials, "ca.key")

	password, err := base64.StdEncoding.DecodeString(credentials["password"].(string))
	require.NoError(t, err)
	require.Len(t, password, 32)
	require.Equal(t, encoded("postgresql://app:"+string(password)+"@postgres-rw.tenant-alpha.svc.cozy.local:5432/app?sslmode=require"), credentials["uri"])

	authority, err := base64.StdEncoding.DecodeString(secrets["postgres.ca"]["ca.crt"].(string))
	require.NoError(t, err)
	given, err := base64.StdEncoding.DecodeString(credentials["ca.crt"].(string))
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(authority)), strings.TrimSpace(string(given)))
	checkAuthority(t, secrets["postgres.ca"])
}

// checkAuthority: CloudNativePG signs with a key of elliptic curves, and in this form only.
func checkAuthority(t *testing.T, secret map[string]any) {
	t.Helper()
	block := func(key, kind string) []byte {
		raw, err := base64.StdEncoding.DecodeString(secret[key].(string))
		require.NoError(t, err)
		found, _ := pem.Decode(raw)
		require.NotNil(t, found)
		require.Equal(t, kind, found.Type)
		return found.Bytes
	}
	certificate, err := x509.ParseCertificate(block("ca.crt", "CERTIFICATE"))
	require.NoError(t, err)
	require.True(t, certificate.IsCA)
	key, err := x509.ParseECPrivateKey(block("ca.key", "EC PRIVATE KEY"))
	require.NoError(t, err)
	require.True(t, key.PublicKey.Equal(certificate.PublicKey))
}

func TestPostgresTellsAllThatIsWrongAtOnce(t *testing.T) {
	_, err := tryRender(t, rendering{"", "postgres", "tenant-alpha", ordered("postgres", map[string]any{
		"parameters":  map[string]any{"Session_Preload_Libraries": "/tmp/mine", "archive_command": "sh"},
		"replicas":    2,
		"synchronous": map[string]any{"replicas": 2},
		"users": []any{
			map[string]any{"name": "pg_mine", "memberOf": []any{"postgres"}}, map[string]any{"name": "app"},
		},
		"databases": []any{map[string]any{"name": "postgres", "owner": "nobody"}},
		"backup":    map[string]any{"enabled": true},
		"restore":   map[string]any{"time": "2026-11-26T12:00:00Z"},
	})})
	for _, want := range []string{
		`parameters: "Session_Preload_Libraries"`, `parameters: "archive_command"`,
		`users[0].name: "pg_mine"`, `users[0].memberOf: "postgres"`, `users[1].name: "app"`,
		`databases[0].name: "postgres"`, `databases[0].owner: "nobody"`, "synchronous.replicas: 2", "backup.destination", "restore.server",
	} {
		require.ErrorContains(t, err, want)
	}
}

// TestKeysOfBackupsStandInNoSpec: whoever may view a database reads its spec. The Secret may be that of the tenant's own object
// storage.
func TestKeysOfBackupsStandInNoSpec(t *testing.T) {
	for _, key := range []string{"accessKeyID", "accessKey", "secretAccessKey", "secretKey"} {
		_, err := tryRender(t, rendering{"", "postgres", "tenant-alpha", ordered("postgres", map[string]any{"backup": map[string]any{key: "key"}})})
		require.ErrorContains(t, err, key)
	}
	storage := secretsOf(t, render(t, rendering{"", "seaweedfs", "tenant-alpha", ordered("seaweedfs", nil)}))
	credentials := func(backup map[string]any) map[string]any {
		backup["enabled"], backup["destination"] = true, "s3://backups"
		manifest := render(t, rendering{"", "postgres", "tenant-alpha", ordered("postgres", map[string]any{"backup": backup})})
		return at(named(t, manifest, "ObjectStore", "postgres"), "spec", "configuration", "s3Credentials").(map[string]any)
	}
	require.Equal(t, "postgres-backup", at(credentials(map[string]any{}), "accessKeyId", "name"))
	for _, of := range credentials(map[string]any{"secret": "seaweedfs-s3"}) {
		of := of.(map[string]any)
		require.Contains(t, storage[of["name"].(string)], of["key"])
	}
}
