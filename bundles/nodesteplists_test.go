// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// fromYAML decodes YAML documents.
func fromYAML(t *testing.T, documents ...string) []map[string]any {
	t.Helper()
	out := make([]map[string]any, len(documents))
	for i, document := range documents {
		require.NoError(t, yaml.Unmarshal([]byte(document), &out[i]))
	}
	return out
}

func TestANodeStaysWhereVolumesHaveMoreCopiesThanNodesWouldBeLeft(t *testing.T) {
	kept := step(t, "linstor", "check that as many nodes are left as volumes have copies").RefuseWhile
	class := func(name, pool, count string) string {
		return fmt.Sprintf("metadata: {name: %s, creationTimestamp: '2026-01-02T00:00:00Z'}\nparameters: {linstor.csi.linbit.com/storagePool: %q, "+
			"linstor.csi.linbit.com/placementCount: %q}", name, pool, count)
	}
	volume := func(name, class, day string) string {
		return fmt.Sprintf("metadata: {name: %s, creationTimestamp: '2026-01-%sT00:00:00Z'}\nspec: {storageClassName: %s, csi: {driver: linstor.csi.linbit.com}}",
			name, day, class)
	}
	satellite := func(name, pools string) string { return fmt.Sprintf("metadata: {name: %s}\nspec: {%s}", name, pools) }
	data := "storagePools: [{name: data}]"
	classes := fromYAML(t, class("replicated", "data", "3"), class("two", "other data", "2"), class("elsewhere", "fast", "3"),
		"metadata: {name: nfs, creationTimestamp: '2026-01-02T00:00:00Z'}")
	volumes := fromYAML(t, volume("three", "replicated", "02"), volume("twice", "two", "03"), volume("fast", "elsewhere", "03"),
		volume("older", "replicated", "01"), volume("classless", "gone", "03"), volume("by-hand", "''", "03"),
		strings.Replace(volume("foreign", "replicated", "03"), "linstor.csi", "nfs.csi", 1),
		"metadata: {name: directory}\nspec: {hostPath: {path: /x}}")
	for name, test := range map[string]struct {
		satellites []string
		want       []string
	}{
		"four": {[]string{satellite("w1", data), satellite("w2", data), satellite("w3", data), satellite("w4", data)}, []string{}},
		"as many copies as nodes": {
			[]string{satellite("w1", data), satellite("w2", data), satellite("w3", data), satellite("w4", ""), satellite("w5", "storagePools: [{name: dat}]")},
			[]string{"three"},
		},
		"two nodes": {[]string{satellite("w1", data), satellite("w2", data)}, []string{"three", "twice"}},
		"one of the others leaves too": {
			[]string{satellite("w1", data), satellite("w2", data), strings.Replace(satellite("w3", data), "w3", "w3, deletionTimestamp: x", 1)},
			[]string{"three", "twice"},
		},
		"it has no disks":      {[]string{satellite("w1", ""), satellite("w2", data), satellite("w3", data)}, []string{}},
		"LINSTOR has left it":  {[]string{satellite("w2", data), satellite("w3", data)}, []string{}},
		"LINSTOR runs nowhere": {nil, []string{}},
	} {
		found, err := kept.Select(volumes, map[string][]map[string]any{"classes": classes, "satellites": fromYAML(t, test.satellites...)}, StepNode{Name: "w1"})
		require.NoError(t, err, name)
		names := []string{}
		for _, object := range found {
			names = append(names, object["metadata"].(map[string]any)["name"].(string))
		}
		require.Equal(t, test.want, names, name)
	}
}

func TestCopiesAreCountedOnManyNodes(t *testing.T) {
	kept := step(t, "linstor", "check that as many nodes are left as volumes have copies").RefuseWhile
	var satellites, classes []string
	for i := range 300 {
		satellites = append(satellites, fmt.Sprintf("metadata: {name: w%d}\nspec: {storagePools: [{name: data}]}", i))
	}
	for i := range 20 {
		classes = append(classes, fmt.Sprintf("metadata: {name: c%d, creationTimestamp: '2026-01-02T00:00:00Z'}\nparameters: {linstor.csi.linbit.com/placementCount: '3'}", i))
	}
	volume := fromYAML(t, "metadata: {name: a, creationTimestamp: '2026-01-03T00:00:00Z'}\nspec: {storageClassName: c19, csi: {driver: linstor.csi.linbit.com}}")
	found, err := kept.Select(volume, map[string][]map[string]any{"classes": fromYAML(t, classes...), "satellites": fromYAML(t, satellites...)}, StepNode{Name: "w1"})
	require.NoError(t, err, "it is not too costly")
	require.Empty(t, found)
}

func TestListsAreChecked(t *testing.T) {
	_, err := Load(tree(set("a", "a"), pkg("a", `nodeRemoval:
  - {title: x, refuseWhile: {apiVersion: v1, kind: Pod, where: "others.size() > 0", hint: h, lists: {others: {apiVersion: v1, kind: Node}}}}
  - {title: x, refuseWhile: {apiVersion: v1, kind: Pod, where: "others.size() > 0", hint: h,
     lists: {object: {apiVersion: v1, kind: Node}, a-b: {apiVersion: a/b/c}}}}`)))
	require.Equal(t, []string{
		`packages/a.yaml: nodeRemoval[1].refuseWhile.lists.a-b.apiVersion: "a/b/c": not an API's group and version`,
		`packages/a.yaml: nodeRemoval[1].refuseWhile.lists.a-b.kind: missing`,
		`packages/a.yaml: nodeRemoval[1].refuseWhile.lists: "a-b": not a name of small letters, other than object and node`,
		`packages/a.yaml: nodeRemoval[1].refuseWhile.lists: "object": not a name of small letters, other than object and node`,
	}, problems(t, err)[:4])
	require.Contains(t, problems(t, err)[4], "undeclared reference to 'others'")
}
