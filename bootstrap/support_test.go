// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// unpacked is a bundle's content by path.
func unpacked(t *testing.T, data []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	bundle, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	for _, file := range bundle.File {
		r, err := file.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		files[file.Name] = string(text)
	}
	return files
}

func TestASupportBundleOfADeadSiteSaysThatItIsDead(t *testing.T) {
	b := withSecrets(t, parseSite(t, "factory:", "patches: [{machine: {env: {A: hunter2}}}], factory:"))
	b.opts.WorkDir = b.dir.Path(".")
	file := filepath.Join(t.TempDir(), "bundle.zip")
	require.NoError(t, os.WriteFile(file, []byte("an older one"), 0o644))
	var said []string
	out, err := Support(t.Context(), b.opts, SupportOptions{File: file, Version: "v9", Say: func(line string) { said = append(said, line) }})
	require.NoError(t, err, "dead nodes are a finding")
	require.Equal(t, file, out.File)
	require.Contains(t, said, "cp2 is unreachable: nothing is collected from it")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	files := unpacked(t, data)
	for _, name := range []string{
		"summary.txt", "summary.json", "site.yaml", "journal.json", "boots.json", "status.json", "bastion.json",
		"configs/cp1.yaml", "configs/w1.yaml",
	} {
		require.NotEmpty(t, files[name], name)
	}
	var summary SupportBundle
	require.NoError(t, json.Unmarshal([]byte(files["summary.json"]), &summary))
	require.Len(t, summary.Nodes, 4)
	require.Equal(t, "unreachable", summary.Nodes[0].State)
	require.Contains(t, summary.Kubernetes, "there is no kubeconfig yet")
	require.Contains(t, files["summary.txt"], "cp1 (controlplane, 127.211.7.2): unreachable")
	secrets, err := os.ReadFile(b.dir.Path(workdir.SecretsFile))
	require.NoError(t, err)
	scrubber, err := talos.NewScrubber(b.secrets, nil, secrets)
	require.NoError(t, err)
	for name, text := range files {
		require.NotContains(t, text, "hunter2", name)
		require.Equal(t, text, string(scrubber.Scrub([]byte(text))), "%s holds a secret", name)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestASupportBundleIsMadeWithSecretsThatCannotBeRead(t *testing.T) {
	b := withSecrets(t, parseSite(t, "factory:", "factory:"))
	b.opts.WorkDir = b.dir.Path(".")
	require.NoError(t, os.WriteFile(b.dir.Path(workdir.SecretsFile), []byte("token: [hush"), 0o600))
	file := filepath.Join(t.TempDir(), "bundle.zip")
	out, err := Support(t.Context(), b.opts, SupportOptions{File: file})
	var incomplete *IncompleteBundleError
	require.ErrorAs(t, err, &incomplete)
	require.Equal(t, out.Failed(), incomplete.Failed)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	files := unpacked(t, data)
	require.Contains(t, files["summary.txt"], "Failed: configs: "+b.dir.Path(workdir.SecretsFile))
	for name, text := range files {
		require.NotContains(t, text, "hush", name)
	}
}

func TestASupportBundleIsSealedToItsRecipients(t *testing.T) {
	b := withoutSecrets(t, parseSite(t, "factory:", "factory:"))
	b.opts.WorkDir = b.dir.Path(".")
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "bundle.zip.age")
	_, err = Support(t.Context(), b.opts, SupportOptions{File: file, EncryptTo: []string{"age1nobody"}})
	require.ErrorContains(t, err, "recipients")
	require.NoFileExists(t, file)
	_, err = Support(t.Context(), b.opts, SupportOptions{File: file, EncryptTo: []string{identity.Recipient().String()}})
	require.NoError(t, err)
	sealed, err := os.Open(file)
	require.NoError(t, err)
	defer sealed.Close()
	opened, err := age.Decrypt(sealed, identity)
	require.NoError(t, err)
	data, err := io.ReadAll(opened)
	require.NoError(t, err)
	require.Contains(t, unpacked(t, data)["summary.txt"], "Withheld: configs: the cluster's secrets do not exist yet")
}

func TestNamesFromTheNetworkStayInsideABundle(t *testing.T) {
	for name, want := range map[string]string{
		"nodes/cp1/../../../etc/passwd": "etc/passwd", "/a//b": "a/b", "nodes/w1/x\n\x1b[2J:y": "nodes/w1/x___2J_y",
		"service-logs/etcd.log": "service-logs/etcd.log",
	} {
		require.Equal(t, want, safePath(name))
	}
	scrubber, err := talos.NewScrubber(nil, nil)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "x.zip")
	a, err := newArchive(file, nil, scrubber, time.Now())
	require.NoError(t, err)
	a.addBytes("logs/pod.log", []byte("one"), nil)
	a.addBytes("logs/pod.log", []byte("two"), nil)
	require.NoError(t, a.finish(t.Context()))
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"logs/pod.log": "one", "logs/pod-2.log": "two"}, unpacked(t, data))
}
