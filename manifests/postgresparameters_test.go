// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// refusedByPostgres asks the API server's own code what the schema and the rules of the kind say of a spec.
func refusedByPostgres(t *testing.T, spec map[string]any) field.ErrorList {
	t.Helper()
	structural := structuralOf(t, "postgres")
	validator, _, err := validation.NewSchemaValidator(keptSchema(t, schemaOf(t, "postgres")))
	require.NoError(t, err)
	path := field.NewPath("spec")
	errs := validation.ValidateCustomResource(path, spec, validator)
	rules, _ := cel.NewValidator(structural, false, celconfig.PerCallLimit).Validate(
		t.Context(), path, structural, spec, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, rules...)
}

// postgresOf renders a Postgres, as Helm does with what the API server took.
func postgresOf(t *testing.T, spec map[string]any) (string, error) {
	t.Helper()
	return tryRender(t, rendering{"", "postgres", "tenant-alpha", ordered("postgres", spec)})
}

// notASetting is how a refusal of a name ends, wherever it is refused.
const notASetting = "is no name of a setting: it is lower-case letters, digits and _, and at most one dot between two such words, each of at most 63 characters"

// TestParametersOfPostgresAreOneLineEach: CloudNativePG 1.28.1 wrote a name into postgresql.conf as it is, looked for names it
// refused exactly, though Postgres reads them without regard to case, and doubled quotes only in a value.
func TestParametersOfPostgresAreOneLineEach(t *testing.T) {
	for name, c := range map[string]struct{ key, value, says string }{
		"a line break in a name":  {"z.z = 1\narchive_command", "curl example.org | sh", notASetting},
		"a comment in a name":     {"archive_command = 'x' #", "", notASetting},
		"a space in a name":       {"include 'x' ", "", notASetting},
		"capital letters":         {"Archive_Cleanup_Command", "sh", notASetting},
		"capitals of a library":   {"JIT_provider", "/tmp/mine", notASetting},
		"nothing":                 {"", "on", notASetting},
		"a digit first":           {"1a", "on", notASetting},
		"two dots":                {"a.b.c", "on", notASetting},
		"letters beyond ASCII":    {"größe", "1", notASetting},
		"a long name":             {strings.Repeat("a", 64), "1", notASetting},
		"a long name in it":       {"a." + strings.Repeat("a", 64), "1", notASetting},
		"a value that ends early": {"log_line_prefix", "x\\'\narchive_command = 'sh' #", "log_line_prefix"},
		"a line break in a value": {"log_line_prefix", "x\ny", "log_line_prefix"},
		"a carriage return":       {"log_line_prefix", "x\ry", "log_line_prefix"},
		"a backslash at the end":  {"log_line_prefix", `x\`, "log_line_prefix"},
		"a zero in a value":       {"log_line_prefix", "x\x00y", "log_line_prefix"},
	} {
		t.Run(name, func(t *testing.T) { refusedEverywhere(t, c.key, c.value, c.says) })
	}
}

// refusedEverywhere demands that the API server refuses a setting, and Helm too: it reads no rules in CEL, and has the last word.
func refusedEverywhere(t *testing.T, key, value, says string) {
	t.Helper()
	errs := refusedByPostgres(t, map[string]any{"parameters": map[string]any{key: value, "work_mem": "8MB"}})
	require.NotEmpty(t, errs, "%q", key)
	require.ErrorContains(t, errs[0], "spec.parameters")
	require.ErrorContains(t, errs[0], says)
	_, err := postgresOf(t, map[string]any{"parameters": map[string]any{key: value, "work_mem": "8MB"}})
	require.ErrorContains(t, err, "parameters")
	require.ErrorContains(t, err, says)
}

// TestParametersOfPostgresReachNoCodeAndNoFiles by rules of our own: CloudNativePG 1.28.1 did not know each of them.
func TestParametersOfPostgresReachNoCodeAndNoFiles(t *testing.T) {
	for _, name := range []string{
		// Commands.
		"archive_command", "archive_cleanup_command", "recovery_end_command", "restore_command", "ssl_passphrase_command",
		"ssl_passphrase_command_supports_reload", "basebackup_to_shell.command",
		// Libraries, and code in a setting.
		"archive_library", "shared_preload_libraries", "session_preload_libraries", "local_preload_libraries", "oauth_validator_libraries",
		"dynamic_library_path", "extension_control_path", "jit_provider",
		"plperl.on_init", "plperl.on_plperl_init", "plperl.on_plperlu_init", "pltcl.start_proc", "pltclu.start_proc",
		// Lines of postgresql.conf that are read as no settings.
		"include", "include_dir", "include_if_exists",
		// Files that are read or written, and sockets.
		"config_file", "hba_file", "ident_file", "external_pid_file", "promote_trigger_file", "data_directory", "log_directory", "log_filename",
		"stats_temp_directory", "krb_server_keyfile", "ssl_ca_file", "ssl_cert_file", "ssl_crl_dir", "ssl_crl_file",
		"ssl_dh_params_file", "ssl_key_file", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions",
		"basic_archive.archive_directory",
		// Another server, and what the operator keeps for itself.
		"primary_conninfo", "pg_failover_slots.primary_dsn", "cnpg.synchronous_standby_names_metadata", "cnpg.config_sha256",
	} {
		refusedEverywhere(t, name, "x", `"`+name+`": is set by the platform`)
	}
}

func TestOtherParametersOfPostgresAreTaken(t *testing.T) {
	taken := map[string]any{
		"max_connections": "200", "work_mem": "8MB", "datestyle": "iso, dmy", "timezone": "Europe/Berlin", "search_path": `"$user", public`,
		"log_line_prefix": "%m [%p] user=%u,db=%d it's ", "log_replication_commands": "on", "archive_timeout": "10min", "ssl_min_protocol_version": "TLSv1.2",
		"pg_stat_statements.max": "5000", "pgaudit.log": "all, -misc", "auto_explain.log_min_duration": "1s", "hnsw.ef_search": "100",
		"my_app.note": "größe\u2028and more", "_mine": "", "max_files_per_process": "1000", "wal_compression": "zstd",
		"log_rotation_age": "1d", "default_tablespace": "", strings.Repeat("a", 63): "1",
	}
	require.Empty(t, refusedByPostgres(t, map[string]any{"parameters": taken}))
	manifest, err := postgresOf(t, map[string]any{"parameters": taken})
	require.NoError(t, err)
	require.Equal(t, taken, at(named(t, manifest, "Cluster", "postgres"), "spec", "postgresql", "parameters"))
}

// TestBackupsOfPostgresAreLedToTheirSecretsOnly: the account of the database's pods may read the Secret, and what runs there.
func TestBackupsOfPostgresAreLedToTheirSecretsOnly(t *testing.T) {
	backup := func(secret string) map[string]any {
		return map[string]any{"backup": map[string]any{"enabled": true, "destination": "s3://x", "secret": secret}}
	}
	for _, secret := range []string{
		"etcd-ca-tls", "kubernetes-prod-admin-kubeconfig", "seaweedfs-s3-tls", "seaweedfs-s3-config", "-backup", "backup", "x-backups",
		"postgres-db.user.a-backup", "sh.helm.release.v1.x-backup", "x-backup\n", "X-backup",
	} {
		errs := refusedByPostgres(t, backup(secret))
		require.Len(t, errs, 1, secret)
		require.ErrorContains(t, errs[0], "spec.backup.secret")
		_, err := postgresOf(t, backup(secret))
		require.ErrorContains(t, err, "/backup/secret", secret)
	}
	for _, secret := range []string{"", "seaweedfs-s3", "postgres-db-backup", "a-backup", "1-backup"} {
		require.Empty(t, refusedByPostgres(t, backup(secret)), secret)
		_, err := postgresOf(t, backup(secret))
		require.NoError(t, err, secret)
	}
}
