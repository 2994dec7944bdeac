// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inZones is object storage of topology MultiZone, in zones a and b unless the user says otherwise.
func inZones(said map[string]any) rendering {
	spec := map[string]any{"topology": "MultiZone", "volume": zones("a", "b")}
	maps.Copy(spec, said)
	return rendering{"seaweedfs-zones", "seaweedfs", "tenant-alpha", ordered("seaweedfs", spec)}
}

func zones(names ...string) map[string]any {
	all := map[string]any{}
	for _, name := range names {
		all[name] = map[string]any{}
	}
	return map[string]any{"zones": all}
}

// setsOf are the StatefulSets of a rendering, by their names.
func setsOf(t *testing.T, manifest string) map[string]map[string]any {
	t.Helper()
	sets := map[string]map[string]any{}
	for _, object := range objects(t, manifest) {
		if object["kind"] == "StatefulSet" {
			sets[object["metadata"].(map[string]any)["name"].(string)] = object
		}
	}
	return sets
}

func argsOf(set map[string]any) []any {
	return at(set, "spec", "template", "spec", "containers").([]any)[0].(map[string]any)["args"].([]any)
}

func TestEachZoneHasServersInADataCenterOfItsOwn(t *testing.T) {
	sets := setsOf(t, render(t, inZones(map[string]any{"volume": map[string]any{"zones": map[string]any{
		"a": map[string]any{}, "b": map[string]any{"dataCenter": "north", "nodeSelector": map[string]any{"room": "north"}, "replicas": 5},
	}}})))
	require.NotContains(t, sets, "seaweedfs-volume", "there is nothing from before")
	for name, want := range map[string]struct {
		center, key, value string
		replicas           int
	}{
		"seaweedfs-zone-a": {"a", "topology.kubernetes.io/zone", "a", 2},
		"seaweedfs-zone-b": {"north", "room", "north", 5},
	} {
		require.Contains(t, sets, name)
		require.Contains(t, argsOf(sets[name]), "-dataCenter="+want.center)
		require.Equal(t, map[string]any{want.key: want.value}, at(sets[name], "spec", "template", "spec", "nodeSelector"), name)
		require.EqualValues(t, want.replicas, at(sets[name], "spec", "replicas"), name)
	}
}

// TestEachCopyIsInAnotherDataCenter: SeaweedFS reads the first digit as copies in other data centers, the last as those in the rack.
func TestEachCopyIsInAnotherDataCenter(t *testing.T) {
	for copies, want := range map[int]string{1: "000", 2: "100", 3: "200"} {
		sets := setsOf(t, render(t, inZones(map[string]any{"copies": copies, "volume": zones("a", "b", "c")})))
		require.Contains(t, argsOf(sets["seaweedfs-master"]), "-defaultReplication="+want)
		for _, filer := range []string{"seaweedfs-filer", "seaweedfs-filer-zones"} {
			require.Contains(t, argsOf(sets[filer]), "-defaultReplicaPlacement="+want)
		}
	}
}

// TestServersFromBeforeTheZonesStay with their objects, and get no new ones: else SeaweedFS would count them as one more data center.
func TestServersFromBeforeTheZonesStay(t *testing.T) {
	pools := map[string]any{"ssd": pool("ssd")}
	before := render(t, withPools(pools))
	after := inZones(map[string]any{"volume": map[string]any{"pools": pools, "zones": zones("a", "b")["zones"]}})
	sets, were := setsOf(t, renderOn(t, after, before)), setsOf(t, before)
	for name := range were {
		require.Contains(t, sets, name, "it may hold data")
		require.Equal(t, at(were[name], "spec", "volumeClaimTemplates"), at(sets[name], "spec", "volumeClaimTemplates"), "Kubernetes changes none")
	}
	for name, disk := range map[string]string{
		"seaweedfs-volume": "before-hdd", "seaweedfs-volume-ssd": "before-ssd", "seaweedfs-zone-a--ssd": "ssd", "seaweedfs-zone-b--ssd": "ssd",
	} {
		require.Contains(t, argsOf(sets[name]), "-disk="+disk, name)
	}
	require.NotContains(t, strings.Join(textsOf(argsOf(sets["seaweedfs-zone-a"])), " "), "-disk=", "hdd, which is what is asked for by default")
}

// TestServersFromBeforeTheZonesAreStoppedAlone once nothing is on them: those of the zones have objects then.
func TestServersFromBeforeTheZonesAreStoppedAlone(t *testing.T) {
	pools := map[string]any{"ssd": map[string]any{"diskType": "ssd", "replicas": 4}, "nvme": map[string]any{"diskType": "nvme", "zoneReplicas": 5}}
	before := render(t, withPools(pools))
	after := inZones(map[string]any{"volume": map[string]any{"pools": pools, "zones": zones("a", "b")["zones"]}})
	counts := func() map[string]any {
		all := map[string]any{}
		for name, set := range setsOf(t, renderOn(t, after, before)) {
			all[name] = at(set, "spec", "replicas")
		}
		return all
	}
	want := counts()
	for name, replicas := range map[string]int{
		"seaweedfs-volume": 2, "seaweedfs-volume-ssd": 4, "seaweedfs-zone-a": 2, "seaweedfs-zone-a--ssd": 2, "seaweedfs-zone-b--nvme": 5,
	} {
		require.EqualValues(t, replicas, want[name], name)
	}
	after.values["replicas"], pools["ssd"].(map[string]any)["replicas"] = 0, 0
	stopped := counts()
	for _, name := range []string{"seaweedfs-volume", "seaweedfs-volume-ssd", "seaweedfs-volume-nvme"} {
		require.EqualValues(t, 0, stopped[name], name)
		stopped[name] = want[name]
	}
	require.Equal(t, want, stopped)
}

// TestServersFromBeforeTheZonesComeBackToTheirVolumes when storage is turned on again, or a pool is put back: what is left then are claims.
func TestServersFromBeforeTheZonesComeBackToTheirVolumes(t *testing.T) {
	after := inZones(map[string]any{"volume": map[string]any{"pools": map[string]any{"ssd": pool("ssd")}, "zones": zones("a", "b")["zones"]}})
	for _, set := range []string{"seaweedfs-volume", "seaweedfs-volume-ssd"} {
		kept := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data-" + set + "-0}\n"
		sets := setsOf(t, renderOn(t, after, kept))
		require.NotNil(t, sets[set], "the volume of %s is there, with objects", set)
		require.Len(t, sets, len(setsOf(t, render(t, after)))+1, "nothing else comes back")
	}
	other := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data-seaweedfs-zone-a-0}\n"
	require.Len(t, setsOf(t, renderOn(t, after, other)), len(setsOf(t, render(t, after))), "zones were there from the first")
}

func textsOf(values []any) (texts []string) {
	for _, value := range values {
		texts = append(texts, value.(string))
	}
	return texts
}

// TestServersAreSpreadOverZones but for those of one zone, which have a selector.
func TestServersAreSpreadOverZones(t *testing.T) {
	manifest := render(t, inZones(nil))
	workloads := setsOf(t, manifest)
	workloads["seaweedfs-s3"] = named(t, manifest, "Deployment", "seaweedfs-s3")
	for _, name := range []string{"seaweedfs-master", "seaweedfs-filer-zones", "seaweedfs-s3"} {
		spread := at(workloads[name], "spec", "template", "spec", "topologySpreadConstraints").([]any)
		require.Equal(t, "topology.kubernetes.io/zone", spread[0].(map[string]any)["topologyKey"], name)
		require.Equal(t, at(workloads[name], "spec", "selector", "matchLabels"), at(spread[0].(map[string]any), "labelSelector", "matchLabels"), name)
	}
	require.NotContains(t, render(t, rendering{"seaweedfs", "seaweedfs", "tenant-alpha", ordered("seaweedfs", nil)}), "topology.kubernetes.io")
}

// TestS3GoesOnWithoutTheFirstFiler, whose volume is in one zone.
func TestS3GoesOnWithoutTheFirstFiler(t *testing.T) {
	s3 := named(t, render(t, inZones(nil)), "Deployment", "seaweedfs-s3")
	require.Contains(t, argsOf(s3), "-filer=seaweedfs-filer-0.seaweedfs-filer.tenant-alpha:8888,"+
		"seaweedfs-filer-zones-0.seaweedfs-filer-zones.tenant-alpha:8888,seaweedfs-filer-zones-1.seaweedfs-filer-zones.tenant-alpha:8888")
}

func TestWrongZonesAreToldAtOnce(t *testing.T) {
	_, err := tryRender(t, inZones(map[string]any{"copies": 3, "volume": map[string]any{
		"pools": map[string]any{strings.Repeat("p", 30): pool("ssd")},
		"zones": map[string]any{"A": map[string]any{}, "a--b": map[string]any{}, "zone-1": map[string]any{"dataCenter": "A"}},
	}}))
	for _, want := range []string{
		`volume.zones: "A"`, `volume.zones: "a--b"`, "volume.zones.zone-1: with pool " + strings.Repeat("p", 30) + ", the names have 36 characters",
		"volume.zones: 2 data centers can't have 3 copies of each object",
	} {
		require.ErrorContains(t, err, want)
	}
	for _, wrong := range []map[string]any{{"zone": "a"}, {"size": "1Ti"}, {"replicas": 0}, {"nodeSelector": "room=north"}, {"dataCenter": "a b"}} {
		_, err := tryRender(t, inZones(map[string]any{"volume": map[string]any{"zones": map[string]any{"a": wrong, "b": map[string]any{}}}}))
		require.ErrorContains(t, err, "/volume/zones/a", "%v", wrong)
	}
	simple := rendering{"seaweedfs", "seaweedfs", "tenant-alpha", ordered("seaweedfs", map[string]any{"volume": zones("a")})}
	_, err = tryRender(t, simple)
	require.ErrorContains(t, err, "zones are of topology MultiZone, and topology is Simple")
}

// TestZonesNeedTheOperatorOfPostgres: a filer with its own database would be away with its zone.
func TestZonesNeedTheOperatorOfPostgres(t *testing.T) {
	r := inZones(nil)
	r.name = "seaweedfs" // whose cluster has no such operator
	_, err := tryRender(t, r)
	require.ErrorContains(t, err, "topology: MultiZone: the names of objects are in Postgres then")
	require.ErrorContains(t, err, "package postgres-operator")
}

// TestNamesOfTheLongestZoneFit: see TestNamesOfTheLongestPoolFit.
func TestNamesOfTheLongestZoneFit(t *testing.T) {
	zone, pool := strings.Repeat("z", 20), strings.Repeat("p", 15)
	set := "seaweedfs-zone-" + zone + "--" + pool
	spec := map[string]any{"pools": map[string]any{pool: map[string]any{"diskType": "ssd"}}, "zones": zones(zone, "b")["zones"]}
	named(t, render(t, inZones(map[string]any{"volume": spec})), "StatefulSet", set)
	require.LessOrEqual(t, len(set+"-0123456789"), 63)
	require.LessOrEqual(t, len("data-"+set+"-99"), 63)
}
