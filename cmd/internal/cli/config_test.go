// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

const example = "../../../examples/lab/site.yaml"

// config runs `config` with arguments and returns its answer and its error.
func config(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, conversation bytes.Buffer
	c := newConfigCommand(Streams{In: strings.NewReader(""), Out: &out, Err: &conversation})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	c.SetErr(&conversation)
	err := c.ExecuteContext(t.Context())
	require.Empty(t, conversation.String(), "the answer goes to Out and errors are returned")
	return out.String(), err
}

func TestConfigInitPrintsATemplateForEachBundle(t *testing.T) {
	for _, bundle := range site.Bundles() {
		out, err := config(t, "init", "--bundle", bundle)
		require.NoError(t, err)
		require.Contains(t, out, "\nbundle: "+bundle+"\n")
	}
	_, err := config(t, "init", "--bundle", "iaas")
	require.ErrorContains(t, err, `"iaas"`)
	require.Equal(t, exitUsage, ExitCode(err))
}

func TestConfigInitNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.yaml")
	out, err := config(t, "init", "-f", path)
	require.NoError(t, err)
	require.Equal(t, path+"\n", out)
	want, err := site.Template(site.PaaSFull)
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))

	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	out, err = config(t, "init", "-f", path)
	require.ErrorContains(t, err, path+" exists and is not overwritten")
	require.Equal(t, exitUsage, ExitCode(err))
	require.Empty(t, out)
	got, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(got))

	_, err = config(t, "init", "-f", filepath.Join(path, "below-a-file"))
	require.Equal(t, exitFailed, ExitCode(err), "%v", err)
}

func TestConfigValidateAccepts(t *testing.T) {
	out, err := config(t, "validate", "-f", example)
	require.NoError(t, err)
	require.Equal(t, example+" is valid: site lab, bundle paas-full\n", out)

	out, err = config(t, "validate", "-f", example, "-o", "json")
	require.NoError(t, err)
	require.JSONEq(t, `{"file": "`+example+`", "valid": true, "problems": []}`, out)
}

func TestConfigValidateRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.yaml")
	require.NoError(t, os.WriteFile(path, []byte("apiVersion: install.cozystack.io/v1alpha1\nkind: Site\ndomian: x\n"), 0o600))

	out, err := config(t, "validate", "-f", path)
	require.Equal(t, exitUsage, ExitCode(err))
	require.Empty(t, out)
	require.ErrorContains(t, err, path+":3:1: domian: unknown key")

	out, err = config(t, "validate", "-f", path, "-o", "json")
	require.Equal(t, exitUsage, ExitCode(err))
	var answer verdict
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.False(t, answer.Valid)
	require.Contains(t, answer.Problems, site.Problem{Path: "domian", Rule: "unknown key", Line: 3, Column: 1, Hint: `did you mean "domain"?`})

	_, err = config(t, "validate", "-f", filepath.Join(t.TempDir(), "none.yaml"))
	require.Equal(t, exitUsage, ExitCode(err))
}

func TestConfigValidateLooksAtPackagesToo(t *testing.T) {
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "site.yaml")
	lines := strings.Count(string(text), "\n")
	require.NoError(t, os.WriteFile(file, []byte(string(text)+"    - cert-manager\n  values:\n    reloader: {reloader: {logFormt: json}}\n"), 0o600))

	_, err = config(t, "validate", "-f", file)
	require.Equal(t, exitUsage, ExitCode(err))
	require.ErrorContains(t, err, fmt.Sprintf("%s:%d:7: packages.disable[", file, lines+1))
	require.ErrorContains(t, err, `"cert-manager": is needed: cert-manager-issuers needs cert-manager`)

	out, err := config(t, "validate", "-f", file, "-o", "json")
	require.Equal(t, exitUsage, ExitCode(err))
	var verdict verdict
	require.NoError(t, json.Unmarshal([]byte(out), &verdict))
	require.False(t, verdict.Valid)
	require.Len(t, verdict.Problems, 1)
	require.Equal(t, lines+1, verdict.Problems[0].Line)
}

func TestConfigShowPrintsASiteThatReadsBack(t *testing.T) {
	out, err := config(t, "show", "-f", example)
	require.NoError(t, err)
	require.Contains(t, out, "  podSubnet: 10.244.0.0/16\n")
	_, err = site.Parse("shown", []byte(out))
	require.NoError(t, err)

	out, err = config(t, "show", "-f", example, "-o", "json")
	require.NoError(t, err)
	var shown map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &shown))
	require.Equal(t, "lab.example.org", shown["domain"])

	_, err = config(t, "show", "-f", example, "-o", "toml")
	require.Equal(t, exitUsage, ExitCode(err))
}

func TestConfigSchemaPrintsTheSchema(t *testing.T) {
	out, err := config(t, "schema")
	require.NoError(t, err)
	require.Equal(t, string(site.Schema()), out)
	_, err = config(t, "schema", "extra")
	require.Equal(t, exitUsage, ExitCode(err))
}

func TestAnUnknownCommandOfAGroupIsAWrongUsage(t *testing.T) {
	_, err := config(t, "valdate")
	require.ErrorContains(t, err, `unknown command "valdate" for "config"`)
	require.Equal(t, exitUsage, ExitCode(err))
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{io.ErrUnexpectedEOF, 1},
		{context.DeadlineExceeded, 1},
		{&UsageError{Err: io.EOF}, 2},
		{fmt.Errorf("up: %w", &site.Problems{}), 2},
		{&site.FileError{Err: os.ErrNotExist}, 2},
		{&phase.UnknownError{}, 2},
		{&phase.OrderError{From: "etcd", Until: "apply"}, 2},
		{&phase.Error{Err: fmt.Errorf("wait: %w", context.Canceled)}, 130},
	} {
		require.Equal(t, test.want, ExitCode(test.err), "%v", test.err)
	}
}

func TestPrintErrorSaysTheNextStepOnce(t *testing.T) {
	printed := func(err error) string {
		var out bytes.Buffer
		PrintError(&out, nil, err)
		return out.String()
	}
	require.Equal(t, "cozy-install: up: read the site file a.yaml: file does not exist\n"+
		"    hint: name it with -f, or make one: cozy-install config init\n",
		printed(fmt.Errorf("up: %w", &site.FileError{Path: "a.yaml", Err: os.ErrNotExist})))
	require.Equal(t, "cozy-install: no\uFFFD[2J\n", printed(errors.New("no\x1b[2J")))
	require.Equal(t, "cozy-install: interrupted\n", printed(&phase.Error{Title: "x", Err: context.Canceled}))
	require.Equal(t, "cozy-install: interrupted\n    Flux goes on in the cluster with: a\n    not begun: b\n"+
		"    run the same command again: it goes on from here\n",
		printed(&phase.Error{Title: "x", Err: &bundles.UnfinishedError{
			Culprits: []bundles.PackageStatus{{Name: "a", State: bundles.StateInstalling}}, Waiting: []string{"b"}, Cause: context.Canceled,
		}}))
}
