// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/base64"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeysOfObjectStorageAreKept: an upgrade that made new ones would lock everybody out.
func TestKeysOfObjectStorageAreKept(t *testing.T) {
	r := rendering{"seaweedfs", "seaweedfs", "tenant-alpha", ordered("seaweedfs", nil)}
	before := render(t, r)
	require.NotEqual(t, secretsOf(t, before), secretsOf(t, render(t, r)), "each installation has keys of its own")
	require.Equal(t, secretsOf(t, before), secretsOf(t, renderOn(t, r, before)))

	made := secretsOf(t, before)
	config := decoded(t, made["seaweedfs-s3-config"]["config.json"])
	for _, key := range []string{"accessKey", "secretKey"} {
		require.Contains(t, config, decoded(t, made["seaweedfs-s3"][key]), key)
	}
}

func decoded(t *testing.T, value any) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(value.(string))
	require.NoError(t, err)
	require.NotEmpty(t, raw)
	return string(raw)
}

// TestBucketsTakeOneVolumeFileEach: with SeaweedFS's own six or seven, the servers are full as of the first bucket. Tried with 4.31.
func TestBucketsTakeOneVolumeFileEach(t *testing.T) {
	for copies := 1; copies <= 3; copies++ {
		r := rendering{"seaweedfs", "seaweedfs", "tenant-alpha", ordered("seaweedfs", map[string]any{"copies": copies, "replicas": 3})}
		master := named(t, render(t, r), "StatefulSet", "seaweedfs-master")
		containers := at(master, "spec", "template", "spec", "containers").([]any)
		require.Contains(t, containers[0].(map[string]any)["env"], map[string]any{
			"name": "WEED_MASTER_VOLUME_GROWTH_COPY_" + strconv.Itoa(copies), "value": "1",
		})
	}
}
