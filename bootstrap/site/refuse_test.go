// SPDX-License-Identifier: Apache-2.0

package site

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatOthersRefuseHasItsLine(t *testing.T) {
	text := "apiVersion: " + APIVersion + "\nkind: Site\nmetadata: {name: a}\ndomain: example.org\nbundle: distro-hosted\n" +
		"packages:\n  disable:\n  - flux\n  values:\n    reloader:\n      reloader: {logFormat: json}\n"
	path := filepath.Join(t.TempDir(), "site.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	s, err := Load(path)
	require.NoError(t, err)
	found := []Problem{
		{Path: "packages.values.reloader.reloader.logFormt", Rule: "no such value"},
		{Path: "packages.disable[0]", Value: "flux", Rule: "belongs to the core"},
	}
	require.EqualError(t, s.Refuse(found), "2 problems in the site file\n"+
		path+":8:5: packages.disable[0]: \"flux\": belongs to the core\n"+
		path+":11:7: packages.values.reloader.reloader.logFormt: no such value")
	require.Nil(t, s.Refuse(nil))

	require.NoError(t, os.WriteFile(path, []byte("# another one\n"+text), 0o600))
	require.EqualError(t, s.Refuse(found[1:]), "1 problem in the site file\n"+path+":8:5: packages.disable[0]: \"flux\": belongs to the core",
		"what was judged is what was loaded")

	parsed, err := Parse(path, []byte(text))
	require.NoError(t, err)
	require.Nil(t, parsed.Refuse(found), "it may be from anywhere")
}
