// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/lab/operatorsim"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const switchToZones = `{"spec":{"topology":"MultiZone","volume":{"zones":{"a":{},"b":{"size":"20Gi"}}}}}`

// storageGetsZones is what users of the platform do: the flag, and then a patch of what it made. SeaweedFS and Postgres do not run
// behind their objects: how names and objects fare is tried by hand with the real programs.
func (w *rootWorld) storageGetsZones(t *testing.T) {
	defer w.operate(t, operatorsim.Simulation{Certificate: w.site.Certificate, Address: rootNode.String()})()
	w.patch(t, "tenants", "root", `{"spec":{"seaweedfs":true}}`)
	w.awaitStorage(t, 1)
	require.ElementsMatch(t, []string{"seaweedfs-filer", "seaweedfs-master", "seaweedfs-volume"}, slices.Collect(maps.Keys(w.storageSets(t))))
	claims := w.storageClaims(t)

	for text, says := range map[string]string{
		`{"spec":{"topology":"MultiZone"}}`:                                         "\"MultiZone\": needs as many volume.zones as there are copies",
		`{"spec":{"topology":"MultiZone","volume":{"zones":{"a":{}}}}}`:             "\"MultiZone\": needs as many volume.zones",
		`{"spec":{"volume":{"zones":{"a":{},"b":{}}}}}`:                             "\"Simple\": has no volume.zones",
		`{"spec":{"topology":"MultiZone","volume":{"zones":{"a":{},"b--c":{}}}}}`:   "the name of a zone has at most 30",
		`{"spec":{"topology":"MultiZone","volume":{"zones":{"a":{},"b":"north"}}}}`: "spec.volume.zones.b",
		`{"spec":{"replicas":0}}`:                                                   "\"0\": fewer servers than copies",
		`{"spec":{"size":"20Gi"}}`:                                                  "\"20Gi\": volumes can't be made larger or smaller",
		`{"spec":{"storageClass":"local"}}`:                                         "\"local\": the class of volumes can't be changed later",
		`{"spec":{"masters":5}}`:                                                    "\"5\": the number of masters can't be changed later",
		`{"spec":{"filer":{"size":"9Gi"}}}`:                                         "\"9Gi\": the filer's volume can't be",
	} {
		require.ErrorContains(t, w.tryPatch(t, "seaweedfses", "seaweedfs", text), says, text)
	}

	w.patch(t, "seaweedfses", "seaweedfs", switchToZones)
	generation := w.storage(t).GetGeneration()
	require.Eventually(t, func() bool { return w.storageSets(t)["seaweedfs-zone-a"] != nil }, patience, time.Second, "no servers of the zone")
	w.staysUnready(t, generation, "there are no nodes in the zones")
	for i, zone := range []string{"a", "b"} {
		w.labelNode(t, fmt.Sprint("node", i), zone)
	}
	w.awaitStorage(t, generation)

	sets := w.storageSets(t)
	for _, name := range []string{"seaweedfs-volume", "seaweedfs-filer", "seaweedfs-zone-a", "seaweedfs-zone-b", "seaweedfs-filer-zones"} {
		require.Contains(t, sets, name)
	}
	require.Subset(t, w.storageClaims(t), claims, "nothing that holds data goes")
	for zone, node := range map[string]string{"a": "node0", "b": "node1"} {
		require.Equal(t, []string{node, node}, w.nodesOf(t, "zone-"+zone))
	}
	w.specStaysItsUsers(t)

	for text, says := range map[string]string{
		`{"spec":{"topology":"Simple"}}`:                         "\"Simple\": MultiZone can't become Simple",
		`{"spec":null}`:                                          "null: can't be taken out",
		`{"spec":{"topology":null}}`:                             "MultiZone can't become Simple",
		`{"spec":{"volume":{"zones":{"b":{"size":"30Gi"}}}}}`:    "spec.volume.zones[b].size",
		`{"spec":{"volume":{"zones":{"a":{"size":"30Gi"}}}}}`:    "volumes can't be made larger or smaller",
		`{"spec":{"volume":{"zones":{"a":{"dataCenter":"c"}}}}}`: "copies were spread by it",
		`{"spec":{"volume":{"zones":{"b":null}}}}`:               "\"MultiZone\": needs as many volume.zones",
	} {
		require.ErrorContains(t, w.tryPatch(t, "seaweedfses", "seaweedfs", text), says, text)
	}
}

// specStaysItsUsers has the tenant looked at, which writes nothing into what its flag made.
func (w *rootWorld) specStaysItsUsers(t *testing.T) {
	t.Helper()
	before := w.storage(t)
	w.patch(t, "tenants", "root", `{"spec":{"monitoring":true},"metadata":{"annotations":{"test":"looked at"}}}`)
	require.Never(t, func() bool { return w.storage(t).GetGeneration() != before.GetGeneration() }, 5*time.Second, time.Second)
	var want map[string]any
	require.NoError(t, json.Unmarshal([]byte(switchToZones), &want))
	require.Equal(t, want["spec"], w.storage(t).Object["spec"])
}

func (w *rootWorld) tryPatch(t *testing.T, resource, name, text string) error {
	t.Helper()
	_, err := w.dynamic.Resource(v1alpha1.GroupVersion.WithResource(resource)).Namespace("tenant-root").
		Patch(t.Context(), name, types.MergePatchType, []byte(text), metav1.PatchOptions{})
	return err
}

func (w *rootWorld) patch(t *testing.T, resource, name, text string) {
	t.Helper()
	require.NoError(t, w.tryPatch(t, resource, name, text), text)
}

// object is one of the root's, of apps.cozystack.io.
func (w *rootWorld) object(t *testing.T, resource, name string) *unstructured.Unstructured {
	t.Helper()
	found, err := w.dynamic.Resource(v1alpha1.GroupVersion.WithResource(resource)).Namespace("tenant-root").
		Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return found
}

func (w *rootWorld) storage(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	return w.object(t, "seaweedfses", "seaweedfs")
}

// conditionOf is nil where an object has none of the type.
func conditionOf(t *testing.T, object *unstructured.Unstructured, of string) map[string]any {
	t.Helper()
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	require.NoError(t, err)
	for _, one := range conditions {
		if condition := one.(map[string]any); condition["type"] == of {
			return condition
		}
	}
	return nil
}

// storageReady says whether the storage is ready as its spec was in a generation, and what it says.
func (w *rootWorld) storageReady(t *testing.T, generation int64) (bool, string) {
	t.Helper()
	condition := conditionOf(t, w.storage(t), "Ready")
	if condition == nil {
		return false, "nothing"
	}
	observed, _ := condition["observedGeneration"].(int64)
	return condition["status"] == "True" && observed >= generation, fmt.Sprint(condition)
}

func (w *rootWorld) awaitStorage(t *testing.T, generation int64) {
	t.Helper()
	var says string
	require.Eventually(t, func() bool {
		one, err := w.dynamic.Resource(v1alpha1.GroupVersion.WithResource("seaweedfses")).Namespace("tenant-root").List(t.Context(), metav1.ListOptions{})
		if err != nil || len(one.Items) == 0 {
			return false
		}
		var is bool
		is, says = w.storageReady(t, generation)
		return is
	}, 2*patience, time.Second, "%s", &says)
}

func (w *rootWorld) staysUnready(t *testing.T, generation int64, why string) {
	t.Helper()
	require.Never(t, func() bool { is, _ := w.storageReady(t, generation); return is }, 5*time.Second, time.Second, why)
}

// storageSets are the StatefulSets of the storage by their names.
func (w *rootWorld) storageSets(t *testing.T) map[string]any {
	t.Helper()
	list, err := w.kube.AppsV1().StatefulSets("tenant-root").List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=seaweedfs"})
	require.NoError(t, err)
	sets := map[string]any{}
	for i := range list.Items {
		sets[list.Items[i].Name] = list.Items[i]
	}
	return sets
}

func (w *rootWorld) storageClaims(t *testing.T) (uids []types.UID) {
	t.Helper()
	list, err := w.kube.CoreV1().PersistentVolumeClaims("tenant-root").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for i := range list.Items {
		if strings.HasPrefix(list.Items[i].Name, "data-seaweedfs-") && list.Items[i].DeletionTimestamp == nil {
			uids = append(uids, list.Items[i].UID)
		}
	}
	require.NotEmpty(t, uids)
	return uids
}

func (w *rootWorld) labelNode(t *testing.T, node, zone string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, corev1.LabelTopologyZone, zone)
	_, err := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "nodes"}).
		Patch(t.Context(), node, types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
}

// nodesOf are those that pods of a part run on.
func (w *rootWorld) nodesOf(t *testing.T, part string) (nodes []string) {
	t.Helper()
	list, err := w.kube.CoreV1().Pods("tenant-root").List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=" + part})
	require.NoError(t, err)
	for i := range list.Items {
		nodes = append(nodes, list.Items[i].Spec.NodeName)
	}
	return nodes
}
