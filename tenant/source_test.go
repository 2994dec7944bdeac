// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// apart is where a line of Go, or of a template or a policy in CEL, looks as if it took the name of a namespace or of a tenant
// apart.
var apart = map[string]*regexp.Regexp{
	".go": regexp.MustCompile(`(Split\w*|Cut\w*|Fields\w*|Trim\w+|Index\w*|HasPrefix|HasSuffix|MustCompile|Sscanf)` +
		`\([^\n]*("-"|'-'|"[^"]*tenant-[^a-z]|(?i:prefix)\b[^(])`),
	".yaml": apartInTemplates,
	".tpl":  apartInTemplates,
}

var apartInTemplates = regexp.MustCompile(
	`(split\w*|[rR]egex\w*|mustRegex\w*|trim\w+|substr\w*|hasPrefix|hasSuffix|startsWith|endsWith|matches|replace|indexOf|find\w*)` +
		`[ (][^\n]*(['"]-['"]|['"][^'"]*tenant-[^a-z]|[nN]amespace)`)

// rightly are the lines that look so and do something else. Each must still be there.
func rightly() []struct{ path, line, why string } {
	return []struct{ path, line, why string }{
		{"bootstrap/site/rules.go", `strings.Cut(text, "-")`, "a range of addresses"},
		{"pxe/machine.go", `strings.Split(text, "-")`, "a hardware address"},
		{"tenant/controller/touched.go", `strings.CutPrefix(name, prefix)`, "a whole namespace after the name of what it has in the cluster"},
		{"talos/staticpod.go", `strings.HasPrefix(name, string(component)+"-")`, "the kubelet adds the node's name to a static pod's"},
		{"manifests/charts/cilium-pools/templates/pools.yaml", `splitList "-" . | first`, "a range of addresses"},
		{"manifests/charts/cilium-pools/templates/pools.yaml", `splitList "-" . | last`, "a range of addresses"},
		{"manifests/charts/postgres/templates/_helpers.tpl", `.name | replace "_" "-"`, "a user's name becomes that of an object"},
		{"manifests/charts/postgres/templates/databases.yaml", `.name | replace "_" "-"`, "a database's name becomes that of an object"},
		{"manifests/charts/tenant/templates/tenant.yaml", `if not (hasPrefix "tenant-" .Release.Name)`, "a Helm release, as others call those of tenants"},
		{"manifests/charts/tenant/templates/tenant.yaml", `trimPrefix "tenant-" .Release.Name`, "the same: of one tenant, whatever it is in"},
		{"manifests/charts/tenant-admission/templates/hosts.yaml", `variables.host.endsWith('.' + h.host)`, "a host in a domain"},
		{"manifests/charts/tenant-admission/templates/hosts.yaml", `h.host.endsWith('.' + variables.host)`, "a host in a domain"},
		{
			"manifests/charts/tenant-applications/templates/loadbalancers.yaml",
			`request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':cloud-controller-')`, "an account's whole namespace",
		},
		{
			"manifests/charts/tenant-applications/templates/loadbalancers.yaml",
			`request.userInfo.username.replace('system:serviceaccount:' + request.namespace + ':cloud-controller-', '')`, "an account's whole namespace",
		},
		{
			"manifests/charts/tenant-applications/templates/cluster-objects.yaml",
			`request.userInfo.username.startsWith('system:serviceaccount:tenant-')`, "accounts of any tenant at all; which one is its whole namespace",
		},
		{
			"manifests/charts/tenant-applications/templates/datastores.yaml",
			`request.userInfo.username.startsWith('system:serviceaccount:tenant-')`, "the same",
		},
	}
}

// The parent is a pointer. Taking a namespace name apart is how services of the root were lost at depth two. Everything that
// is shipped is looked at: not the tests, nor lab, which plays what is around us.
func TestNobodyTakesANamespaceNameApart(t *testing.T) {
	for kind, line := range map[string]string{
		".go":   `strings.Split(namespace, "-")`,
		".yaml": `{{ .Release.Namespace | splitList "-" | last }}`,
		".tpl":  `{{ regexReplaceAll "-[^-]*$" .Release.Namespace "" }}`,
	} {
		require.Regexp(t, apart[kind], line)
	}

	for kind, line := range map[string]string{
		".go":   `strings.TrimPrefix(namespace, prefix)`,
		".yaml": `expression: object.metadata.namespace.startsWith('tenant-' + variables.parent)`,
		".tpl":  `{{ trimPrefix "tenant-" ._tenant.namespace }}`,
	} {
		require.Regexp(t, apart[kind], line)
	}

	seen, found := map[string]int{}, map[string]bool{}
	root := os.DirFS("..")

	require.NoError(t, fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		if entry.IsDir() {
			if name := entry.Name(); path == "lab" || name == "testdata" || path != "." && strings.HasPrefix(name, ".") {
				return fs.SkipDir
			}

			return nil
		}

		pattern := apart[filepath.Ext(path)]
		if pattern == nil || strings.HasSuffix(path, "_test.go") {
			return nil
		}

		seen[filepath.Ext(path)]++

		return lookAt(root, path, pattern, found)
	}))

	for _, one := range rightly() {
		require.True(t, found[one.path+": "+one.line], "it is not there any more: %s in %s", one.line, one.path)
		delete(found, one.path+": "+one.line)
	}

	require.Empty(t, slices.Sorted(maps.Keys(found)), "names are taken apart")

	require.Greater(t, seen[".go"], 500, "the walk must see all of the product")
	require.Greater(t, seen[".yaml"], 100, "the walk must see the manifests")
	require.Greater(t, seen[".tpl"], 20, "the walk must see the manifests")
}

// lookAt notes the lines of a file that take something apart, by the words of those that do so rightly.
func lookAt(root fs.FS, path string, pattern *regexp.Regexp, found map[string]bool) error {
	text, err := fs.ReadFile(root, path)

	number := 0
	for line := range strings.Lines(string(text)) {
		number++

		if !pattern.MatchString(line) {
			continue
		}

		what := fmt.Sprintf("%s:%d: %s", path, number, line)

		for _, one := range rightly() {
			if one.path == path && strings.Contains(line, one.line) {
				what = path + ": " + one.line
			}
		}

		found[what] = true
	}

	return err
}
