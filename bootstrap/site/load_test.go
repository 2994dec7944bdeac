// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// full is the smallest site of a full bundle. Tests change a line of it, so line numbers matter.
const full = `apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata:
  name: lab
domain: lab.example.org
bundle: paas-full
network:
  nodeSubnet: 10.77.0.0/24
  vip: 10.77.0.10
netboot:
  interface: eth0
nodes:
  - name: cp1
    role: controlplane
    mac: 52:54:00:77:00:01
    address: 10.77.0.11
    disk: {serial: D1}
`

// hosted is the smallest site of a hosted bundle.
const hosted = `apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata:
  name: kind
domain: kind.example.org
bundle: paas-hosted
exposure:
  hostPort: true
`

// problems parses a site file and returns what is wrong with it, a line for each: "line:column path: value: rule".
func problems(t *testing.T, text string) []string {
	t.Helper()
	s, err := Parse("site.yaml", []byte(text))
	if err == nil {
		require.NotNil(t, s)
		return nil
	}
	require.Nil(t, s)
	var all *Problems
	require.ErrorAs(t, err, &all)
	require.NotEmpty(t, all.List)
	var lines []string
	for _, problem := range all.List {
		lines = append(lines, fmt.Sprintf("%d:%d %s", problem.Line, problem.Column, problem))
	}
	return lines
}

func TestSmallestSitesAreValid(t *testing.T) {
	require.Empty(t, problems(t, full))
	require.Empty(t, problems(t, hosted))
}

func TestParseRefusesWhatIsNoSiteFile(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":           {"", "0:0 empty"},
		"only a comment":  {"# nothing\n", "0:0 empty"},
		"only null":       {"---\n", "2:1 not a mapping: nothing"},
		"a list":          {"- a\n", "1:1 not a mapping: a list"},
		"text":            {"hello", `1:1 not a mapping: "hello"`},
		"broken YAML":     {"a: [1\nb: 2\n", "1:1 not YAML: did not find expected ',' or ']'"},
		"a tab":           {"a:\n\tb: 1\n", "2:1 not YAML: found character that cannot start any token"},
		"not UTF-8":       {"kind: \xff\xfe", "0:0 not UTF-8 text"},
		"second document": {hosted + "---\nkind: Other\n", "10:1 a second document"},
		"too large":       {"# " + strings.Repeat("x", maxSize), "0:0 larger than 4 MiB"},
		"other kind":      {"apiVersion: install.cozystack.io/v1alpha1\nkind: Node\nspec: {}\n", `2:7 kind: "Node": not Site`},
		"other version":   {strings.Replace(full, "v1alpha1", "v2", 1), `1:13 apiVersion: "install.cozystack.io/v2": not install.cozystack.io/v1alpha1`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, []string{test.want}, problems(t, test.text))
		})
	}
}

func TestParseRefusesWhatTheTypesDoNotHold(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string
		want     []string
	}{
		"unknown key at the top":     {"domain:", "colour: red\ndomain:", []string{"5:1 colour: unknown key"}},
		"unknown key in a list item": {"    role:", "    rack: 7\n    role:", []string{"14:5 nodes[0].rack: unknown key"}},
		"misspelt key":               {"nodeSubnet", "nodesubnet", []string{"8:3 network.nodesubnet: unknown key"}},
		"misspelt role":              {"    role:", "    rol:", []string{"14:5 nodes[0].rol: unknown key"}},
		"number for text":            {"name: lab", "name: 12", []string{`4:9 metadata.name: "12": a number where text belongs`}},
		"text for a list":            {"nodes:", "nodes: none\nx:", []string{"12:8 nodes: text where a list belongs", "13:1 x: unknown key"}},
		"mapping for text":           {"domain: lab.example.org", "domain: {a: b}", []string{"5:1 domain: a mapping where text belongs"}},
		"text for a list item":       {"disk: {serial: D1}", "disk: {serial: D1}\n  - cp2", []string{"18:5 nodes[1]: text where a mapping belongs"}},
		"text for a boolean":         {"{serial: D1}", "{serial: D1, wipe: please}", []string{"17:30 nodes[0].disk.wipe: text where true or false belongs"}},
		"not an address":             {"10.77.0.11", "10.77.0.256", []string{`16:14 nodes[0].address: "10.77.0.256": not an IP address`}},
		"not a network":              {"10.77.0.0/24", "10.77.0.0", []string{`8:15 network.nodeSubnet: "10.77.0.0": not a network`}},
		"a patch that is text":       {"disk:", "patches: [x]\n    disk:", []string{"17:15 nodes[0].patches[0]: text where a mapping belongs"}},
		"key given twice":            {"domain:", "domain: a.example.org\ndomain:", []string{"6:1 domain: given twice, first on line 5"}},
		"alias": {"disk: {serial: D1}", "disk: &d {serial: D1}\n    storage: *d", []string{
			"17:11 nodes[0].disk: an anchor or alias, which a site file can't have", "18:14 nodes[0].storage: an anchor or alias, which a site file can't have",
		}},
		"merge key":      {"    role:", "    <<: {a: b}\n    role:", []string{`14:5 nodes[0]["<<"]: a key that is not a plain string: "<<"`}},
		"number as key":  {"    role:", "    7: x\n    role:", []string{`14:5 nodes[0].7: a key that is not a plain string: "7"`}},
		"not a number":   {"disk:", "patches: [{a: .nan}]\n    disk:", []string{"17:19 nodes[0].patches[0].a: a value of kind !!float, which a site file can't have"}},
		"placeholder":    {"10.77.0.10", "<virtual address>", []string{"9:8 network.vip: still to be filled in: <virtual address>"}},
		"missing fields": {"domain: lab.example.org\nbundle: paas-full\n", "", []string{"1:1 domain: missing", "1:1 bundle: missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, full, test.old)
			require.Equal(t, test.want, problems(t, strings.Replace(full, test.old, test.new, 1)))
		})
	}
}

func TestParseReportsEverythingAtOnceInTheOrderOfTheFile(t *testing.T) {
	text := strings.NewReplacer("name: lab", "name: Lab", "  vip:", "  colour: red\n  vip:", "eth0", "1",
		"52:54:00:77:00:01", "52:54:00:zz", "10.77.0.11", "10.78.0.11", "{serial: D1}", "{}").Replace(full)
	require.Equal(t, []string{
		`4:9 metadata.name: "Lab": not a DNS label (a-z, 0-9 and -, at most 63 characters)`,
		`9:3 network.colour: unknown key`,
		`12:14 netboot.interface: "1": a number where text belongs`,
		`16:10 nodes[0].mac: "52:54:00:zz": not the hardware address of a machine`,
		`17:14 nodes[0].address: "10.78.0.11": outside network.nodeSubnet 10.77.0.0/24`,
		`18:5 nodes[0].disk: nothing selects the disk to install on`,
	}, problems(t, text))
}

func TestUnknownKeysGetASuggestionOrTheKnownKeys(t *testing.T) {
	hint := func(key string) string {
		_, err := Parse("site.yaml", []byte(strings.Replace(full, "metadata:", "metadata:\n  "+key+": x", 1)))
		var all *Problems
		require.ErrorAs(t, err, &all)
		return all.List[0].Hint
	}
	require.Equal(t, `did you mean "name"?`, hint("nmae"))
	require.Equal(t, "known keys here: name", hint("labels"))
}

func TestProblemsReadLikeACompilersErrors(t *testing.T) {
	_, err := Parse("dir/site.yaml", []byte(strings.Replace(full, "domain:", "domian:", 1)))
	require.EqualError(t, err, "1 problem in the site file\n"+
		"dir/site.yaml:5:1: domian: unknown key\n"+
		`    hint: did you mean "domain"?`)

	var many strings.Builder
	for i := range 70 {
		fmt.Fprintf(&many, "k%d: 1\n", i)
	}
	_, err = Parse("x", []byte(full+many.String()))
	require.ErrorContains(t, err, "70 problems")
	require.ErrorContains(t, err, "x: and 20 more")
	require.NotContains(t, err.Error(), "k69")
}

func TestNullLeavesAFieldOutButStaysInFreeMaps(t *testing.T) {
	s, err := Parse("x", []byte(strings.Replace(full, "netboot:", `talos:
  patches:
    - machine: {install: null, count: 1048576, ratio: 0.5, on: true, date: 2026-01-02}
kubernetes:
netboot:`, 1)))
	require.NoError(t, err)
	require.Equal(t, "v1.34.4", s.Kubernetes.Version)
	require.Equal(t, Patch{"machine": map[string]any{
		"install": nil, "count": int64(1048576), "ratio": 0.5, "on": true, "date": "2026-01-02",
	}}, s.Talos.Patches[0])
}

func TestLoadNormalisesIdentities(t *testing.T) {
	s, err := Parse("x", []byte(strings.NewReplacer("52:54:00:77:00:01", "52-54-00-AA-00-01\n    uuid: 4C4C4544-0051-3010-8056-B9C04F4A3733").Replace(full)))
	require.NoError(t, err)
	require.Equal(t, "52:54:00:aa:00:01", s.Nodes[0].MAC)
	require.Equal(t, "4c4c4544-0051-3010-8056-b9c04f4a3733", s.Nodes[0].UUID)
}

func TestLoadReadsAFileAndResolvesPathsBesideIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "site.yaml")
	require.NoError(t, os.WriteFile(path, []byte(full), 0o600))
	s, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddr("10.77.0.10"), s.Network.VIP)
	require.Equal(t, filepath.Join(dir, "age.key"), s.File("age.key"))
	require.Equal(t, "/etc/age.key", s.File("/etc/age.key"))
	require.Empty(t, s.File(""))
}

func TestLoadSaysWhichFileItCouldNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path)
	require.EqualError(t, err, "read the site file "+path+": no such file or directory")
	require.ErrorIs(t, err, fs.ErrNotExist)
	var fileError *FileError
	require.ErrorAs(t, err, &fileError)
	require.Contains(t, fileError.Hint(), "config init")

	dir := t.TempDir()
	_, err = Load(dir)
	require.EqualError(t, err, "read the site file "+dir+": is a directory")
}
