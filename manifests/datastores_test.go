// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// datastoreRefusal is what the policy says to an account of tenant-alpha that makes the DataStore of the chart of its etcd, after
// a change.
func datastoreRefusal(t *testing.T, user string, change func(meta, spec map[string]any)) string {
	t.Helper()
	manifest := render(t, rendering{"etcd", "etcd", "tenant-alpha", ordered("etcd", nil)})
	store := named(t, manifest, "DataStore", "tenant-alpha")
	if change != nil {
		change(store["metadata"].(map[string]any), store["spec"].(map[string]any))
	}
	return applicationsRefusal(t, "tenant-datastores.cozystack.io", user, store, nil)
}

// TestEtcdOfATenantLeadsKamajiToItsOwnSecretsOnly: Kamaji reads what a DataStore names, whoever wrote it.
func TestEtcdOfATenantLeadsKamajiToItsOwnSecretsOnly(t *testing.T) {
	const services = "system:serviceaccount:tenant-alpha:tenant-services"
	require.Empty(t, datastoreRefusal(t, services, nil))
	require.Empty(t, datastoreRefusal(t, services, func(_, spec map[string]any) { delete(spec, "tlsConfig") }))

	rename := func(meta, _ map[string]any) { meta["name"] = "tenant-root" }
	require.Contains(t, datastoreRefusal(t, services, rename), `metadata.name: "tenant-root": the store of an etcd is called after its tenant; call it tenant-alpha`)
	require.Empty(t, datastoreRefusal(t, "alice", rename), "others are held by their rights")

	for _, path := range [][]string{
		{"tlsConfig", "certificateAuthority", "certificate"},
		{"tlsConfig", "certificateAuthority", "privateKey"},
		{"tlsConfig", "clientCertificate", "certificate"},
		{"tlsConfig", "clientCertificate", "privateKey"},
		{"basicAuth", "username"},
		{"basicAuth", "password"},
	} {
		lead := func(reference map[string]any) string {
			return datastoreRefusal(t, services, func(_, spec map[string]any) {
				for _, key := range path {
					if spec[key] == nil {
						spec[key] = map[string]any{}
					}
					spec = spec[key].(map[string]any)
				}
				spec["secretReference"] = reference
			})
		}
		require.Empty(t, lead(map[string]any{"name": "a", "namespace": "tenant-alpha", "keyPath": "b"}), path)
		require.Equal(t, `secretReference.namespace: "kube-system": a store names Secrets of its own tenant; name those of tenant-alpha`,
			lead(map[string]any{"name": "a", "namespace": "kube-system", "keyPath": "b"}), path)
		require.Contains(t, lead(map[string]any{"name": "a", "keyPath": "b"}), `secretReference.namespace: ""`, path)
	}
}
