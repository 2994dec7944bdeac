// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant/policy"
)

func TestTheSiteIsReadFromItsFile(t *testing.T) {
	site, err := readSite("")
	require.NoError(t, err)
	require.Nil(t, site)

	path := filepath.Join(t.TempDir(), "site.json")
	_, err = readSite(path)
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.WriteFile(path, []byte(`{"enforces": "cilium"}`), 0o600))
	_, err = readSite(path)
	require.ErrorContains(t, err, path+": nodes: empty")

	require.NoError(t, os.WriteFile(path, []byte(`{
		"enforces": "cilium", "nodes": ["192.0.2.0/24"], "pods": ["10.244.0.0/16"], "services": ["10.96.0.0/16"],
		"api": ["192.0.2.10"], "apiPort": 6443, "clusterDomain": "cluster.local"
	}`), 0o600))
	site, err = readSite(path)
	require.NoError(t, err)
	require.Equal(t, policy.EnforcesCilium, site.Enforces)
	require.Equal(t, "192.0.2.10", site.API[0].String())
}
