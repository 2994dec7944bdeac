// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	testVersion  = "v1.2.3"
	testRevision = "0123456789abcdef0123456789abcdef01234567"
)

// standIn is a program that passes for cozy-controller, and is built in a moment: a module of that name, with nothing in it.
type standIn struct {
	module  string   // empty: the real one's
	stamp   string   // empty: testVersion and testRevision
	flags   []string // of go build
	content string   // what it prints
}

// build puts the program of an architecture into dir, and returns its path.
func (s standIn) build(t *testing.T, dir, arch string) string {
	t.Helper()

	if s.module == "" {
		s.module = "github.com/cozystack/cozy-install"
	}

	if s.stamp == "" {
		s.stamp = "cozy-controller-build:" + testVersion + ":" + testRevision + ";"
	}

	source := t.TempDir()
	write(t, filepath.Join(source, "go.mod"), "module "+s.module+"\n\ngo 1.26\n")
	require.NoError(t, os.MkdirAll(filepath.Join(source, "cmd", "cozy-controller"), 0o700))
	write(t, filepath.Join(source, "cmd", "cozy-controller", "main.go"),
		"package main\n\nvar version = \"dev\"\n\nfunc main() { println(version, `"+s.content+"`) }\n")

	out := filepath.Join(dir, "cozy-controller-linux-"+arch)
	arguments := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", out, "-ldflags", "-s -w -X main.version=" + s.stamp}, s.flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(arguments, "./cmd/cozy-controller")...)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOWORK=off")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))

	return out
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}
