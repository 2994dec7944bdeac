// SPDX-License-Identifier: Apache-2.0

package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/cozystack/cozy-install"

// root is the repository's directory, seen from this package's, where `go test` runs.
var root = filepath.Join("..", "..")

// source is one parsed Go file.
type source struct {
	path      string // from the root, with slashes
	file      *ast.File
	lines     int
	head      []string // its first lines
	test      bool
	generated bool
}

func (s source) dir() string { return path.Dir(s.path) }

// isProduct says whether the file is part of the two programs: not of the lab, not of this package, not a test.
func (s source) isProduct() bool {
	return !s.test && !strings.HasPrefix(s.path, "lab/") && !strings.HasPrefix(s.path, "internal/house/")
}

// sources parses every Go file of the repository, those of the lab's own modules too.
func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()

	var found []source

	files := token.NewFileSet()

	for _, name := range paths(t, ".go") {
		data, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)

		file, err := parser.ParseFile(files, name, data, parser.ParseComments)
		require.NoError(t, err)

		lines := strings.Split(string(data), "\n")
		found = append(found, source{
			path:      name,
			file:      file,
			lines:     bytes.Count(data, []byte("\n")),
			head:      lines[:min(3, len(lines))],
			test:      strings.HasSuffix(name, "_test.go"),
			generated: ast.IsGenerated(file),
		})
	}

	require.NotEmpty(t, found, "no Go files under %s", root)

	return files, found
}

// paths lists the repository's files with this suffix, from the root, with slashes. What starts with a dot, what
// `make build` writes and what tests read as input (testdata) is left out.
func paths(t *testing.T, suffix string) []string {
	t.Helper()

	var names []string

	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			// Others may be at work in the tree: a file that has just gone is no finding.
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}

			return err
		}

		name, err = filepath.Rel(root, name)
		if err != nil {
			return err
		}

		name = filepath.ToSlash(name)

		if entry.IsDir() {
			base := path.Base(name)
			if name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || name == "bin") {
				return filepath.SkipDir
			}

			return nil
		}

		if strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}

		return nil
	})
	require.NoError(t, err)

	return names
}

// listed is what this package needs of one answer of `go list -json`.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// name is the package's path from the root: "pxe/dhcp", or "." for a package in the root itself.
func (l listed) name() string { return local(l.ImportPath) }

// local turns an import path of this module into a path from the root; another module's stays as it is.
func local(importPath string) string {
	if importPath == modulePath {
		return "."
	}

	return strings.TrimPrefix(importPath, modulePath+"/")
}

func isOurs(importPath string) bool {
	return importPath == modulePath || strings.HasPrefix(importPath, modulePath+"/")
}

// isStandard says whether the import is of Go's own library: the first element of its path has no dot.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")

	return !strings.Contains(first, ".")
}

// list asks the go command for the packages of the product's module.
func list(t *testing.T) []listed {
	t.Helper()

	const fields = "ImportPath,Imports,TestImports,XTestImports,Deps"

	out := run(t, "go", "list", "-json="+fields, "./...")
	decoder := json.NewDecoder(bytes.NewReader(out))

	var packages []listed

	for {
		var one listed

		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			break
		}

		require.NoError(t, err)

		packages = append(packages, one)
	}

	require.NotEmpty(t, packages)

	return packages
}

// run executes a program in the root and returns its standard output.
func run(t *testing.T, program string, args ...string) []byte {
	t.Helper()

	var stderr bytes.Buffer

	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = root
	cmd.Stderr = &stderr

	out, err := cmd.Output()
	require.NoError(t, err, "%s %s: %s", program, strings.Join(args, " "), stderr.String())

	return out
}

// matches says whether a package is the one a pattern names, or lies below it where the pattern ends in "/...".
// "..." alone matches everything.
func matches(pattern, name string) bool {
	if pattern == "..." {
		return true
	}

	above, isTree := strings.CutSuffix(pattern, "/...")
	if !isTree {
		return name == pattern
	}

	return name == above || strings.HasPrefix(name, above+"/")
}

func matchesAny(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if matches(pattern, name) {
			return true
		}
	}

	return false
}
