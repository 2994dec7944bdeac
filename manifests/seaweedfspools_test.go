// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func withPools(pools map[string]any) rendering {
	return rendering{"seaweedfs-pools", "seaweedfs", "tenant-alpha", ordered("seaweedfs", map[string]any{"volume": map[string]any{"pools": pools}})}
}

func pool(diskType string) map[string]any { return map[string]any{"diskType": diskType} }

// TestVolumesOfPoolsAreThoseOfTheApplication: by these labels they are found, named and kept when the service is turned off.
func TestVolumesOfPoolsAreThoseOfTheApplication(t *testing.T) {
	manifest := render(t, withPools(map[string]any{
		"ssd": map[string]any{"diskType": "ssd", "size": "50Gi", "storageClass": ""}, "nvme": map[string]any{"diskType": "nvme", "replicas": 4},
	}))
	claim := func(set string) map[string]any {
		return at(named(t, manifest, "StatefulSet", set), "spec", "volumeClaimTemplates").([]any)[0].(map[string]any)
	}
	usual := claim("seaweedfs-volume")
	for _, set := range []string{"seaweedfs-volume-ssd", "seaweedfs-volume-nvme"} {
		require.Equal(t, usual["metadata"], claim(set)["metadata"], set)
	}
	require.Equal(t, "50Gi", at(claim("seaweedfs-volume-ssd"), "spec", "resources", "requests", "storage"))
	require.Equal(t, at(usual, "spec"), at(claim("seaweedfs-volume-nvme"), "spec"), "what is not said is as with the others")
}

// TestAnEmptyClassOfAPoolIsTheDefaultOne: it is not the class of the other servers.
func TestAnEmptyClassOfAPoolIsTheDefaultOne(t *testing.T) {
	r := withPools(map[string]any{"ssd": map[string]any{"diskType": "ssd", "storageClass": ""}, "nvme": pool("nvme")})
	r.values["storageClass"] = "slow"
	for set, class := range map[string]any{"seaweedfs-volume": "slow", "seaweedfs-volume-nvme": "slow", "seaweedfs-volume-ssd": nil} {
		claims := at(named(t, render(t, r), "StatefulSet", set), "spec", "volumeClaimTemplates").([]any)
		require.Equal(t, class, at(claims[0].(map[string]any), "spec", "storageClassName"), set)
	}
}

// TestNamesOfTheLongestPoolFit: a StatefulSet's pods bear its name with the hash of their revision as a label, and Kubernetes makes
// no pods where that is too long. A claim is named data-<pod>.
func TestNamesOfTheLongestPoolFit(t *testing.T) {
	longest := strings.Repeat("a", 30)
	named(t, render(t, withPools(map[string]any{longest: pool("ssd")})), "StatefulSet", "seaweedfs-volume-"+longest)
	require.LessOrEqual(t, len("seaweedfs-volume-"+longest+"-0123456789"), 63)
	require.LessOrEqual(t, len("data-seaweedfs-volume-"+longest+"-99"), 63)
}

func TestWrongPoolsAreToldAtOnce(t *testing.T) {
	_, err := tryRender(t, withPools(map[string]any{
		"Fast": pool("ssd"), strings.Repeat("a", 31): pool("ssd"), "a-": pool("ssd"),
		"few": map[string]any{"diskType": "ssd", "replicas": 1},
	}))
	for _, want := range []string{`"Fast"`, `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`, `"a-"`, "volume.pools.few.replicas: 1 servers can't have 2 copies"} {
		require.ErrorContains(t, err, want)
	}
	for _, wrong := range []map[string]any{{}, pool("SSD"), pool("ssd,hdd"), {"diskType": "ssd", "disk": 1}, {"diskType": "ssd", "size": "1Ti"}} {
		_, err := tryRender(t, withPools(map[string]any{"ssd": wrong}))
		require.ErrorContains(t, err, "/volume/pools/ssd", "%v", wrong)
	}
}

// TestTheLastPoolTakesItsRulesWithIt: else buckets of its name would go on asking for disks that are gone.
func TestTheLastPoolTakesItsRulesWithIt(t *testing.T) {
	none := withPools(nil)
	require.NotContains(t, render(t, none), "seaweedfs-pools")

	with := render(t, withPools(map[string]any{"ssd": pool("ssd")}))
	after := renderOn(t, none, with)
	require.Contains(t, script(t, with), "wanted='ssd- ssd'\n")
	require.Contains(t, script(t, after), "wanted=''\n")
	require.NotEqual(t, jobs(t, with), jobs(t, after), "a Job can't be changed")
	require.Equal(t, jobs(t, after), jobs(t, renderOn(t, none, after)), "and is not made anew")
}

func script(t *testing.T, manifest string) string {
	t.Helper()
	return at(named(t, manifest, "ConfigMap", "seaweedfs-pools"), "data", "rules.sh").(string)
}

func jobs(t *testing.T, manifest string) (names []string) {
	t.Helper()
	for _, object := range objects(t, manifest) {
		if object["kind"] == "Job" {
			names = append(names, object["metadata"].(map[string]any)["name"].(string))
		}
	}
	require.Len(t, names, 1)
	return names
}
