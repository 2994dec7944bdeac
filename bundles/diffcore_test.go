// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatchesOfTheCoreAreCompared(t *testing.T) {
	m := newMemoryHelm(t)
	values := map[string]any{"classes": []any{map[string]any{"name": "x", "value": 1, "description": "x"}}}
	_, err := m.install(t, values)
	require.NoError(t, err)
	cluster, shelf := &Cluster{helm: m.Helm}, NewShelf(charts(t), nil)
	p := classes(values)
	p.Chart.Version = m.newest(t).ChartVersion
	one := Installed{Name: "a", Release: "a", Namespace: "cozy-a", Chart: p.Chart.Version}

	reason, fields, err := cluster.compareCore(t.Context(), shelf, p, one)
	require.NoError(t, err)
	require.Empty(t, reason)
	require.Empty(t, fields)

	other := p
	other.Values = map[string]any{}
	reason, fields, err = cluster.compareCore(t.Context(), shelf, other, one)
	require.NoError(t, err)
	require.Empty(t, reason, "the values say all")
	require.Len(t, fields, 1)

	p.Patches = []Patch{{Target: PatchTarget{Kind: "PriorityClass", Name: "x"}, Patch: "- {op: replace, path: /value, value: 7}\n"}}
	reason, fields, err = cluster.compareCore(t.Context(), shelf, p, one)
	require.NoError(t, err)
	require.Equal(t, patchesChange, reason)
	require.Equal(t, []Field{{Path: "objects.PriorityClass/x.value", Old: "1", New: "7"}}, fields)
	require.Equal(t, 1, m.newest(t).Revision, "nothing is changed")
}

func TestSecretsInManifestsAreNotShown(t *testing.T) {
	manifest := func(word string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: cozy-a}\nstringData: {word: " + word + "}\n---\n" +
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {word: " + word + "}\n"
	}
	fields, err := compareManifests(manifest("one"), manifest("two"))
	require.NoError(t, err)
	require.Equal(t, []Field{
		{Path: "objects.ConfigMap/x.data.word", Old: `"one"`, New: `"two"`},
		{Path: "objects.Secret/cozy-a/x.stringData.word", Old: redacted, New: redacted},
	}, fields)
}
