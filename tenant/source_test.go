// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The parent is a pointer. Taking a namespace name apart is how services of the root were lost at depth two.
func TestNobodyTakesANamespaceNameApart(t *testing.T) {
	apart := regexp.MustCompile(`(Split\w*|Cut\w*|Fields\w*|Trim\w+|Index\w*|HasPrefix|HasSuffix|MustCompile|Sscanf)\([^\n]*("-"|'-'|"tenant-|prefix\b)`)

	require.Regexp(t, apart, `strings.Split(namespace, "-")`)
	require.Regexp(t, apart, `strings.TrimPrefix(namespace, prefix)`)

	seen := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}

		text, err := os.ReadFile(path)
		seen++

		require.NotRegexp(t, apart, string(text), path)

		return err
	})
	require.NoError(t, err)
	require.Greater(t, seen, 8, "the walk must see this package and those below it")
}
