// SPDX-License-Identifier: Apache-2.0

package application

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// keeping is a lab whose tenant has the etcd of the root, which is ready, and nothing that uses it but what is ordered then.
func keeping(t *testing.T) *lab {
	t.Helper()

	l := withEtcdOfTheRoot(t, func(s *definition.ApplicationDefinitionSpec) { s.Keeps = []string{"etcd"} })
	require.NoError(t, l.client.Create(t.Context(), depotNamed("one", nil)))

	return l
}

// TestWhatAnApplicationKeepsIsSaidBeforeItIsReleased: whoever turns a service off goes by the status, and what is released is on it for good.
func TestWhatAnApplicationKeepsIsSaidBeforeItIsReleased(t *testing.T) {
	l := keeping(t)
	writes := l.settle()

	said, made := slices.Index(writes, "status Depot one"), slices.Index(writes, "create HelmRelease depot-one")
	require.GreaterOrEqual(t, said, 0)
	require.Less(t, said, made, "%v", writes)
	require.Equal(t, map[string]string{"etcd": "tenant-root"}, statusOf(l.depot("one")).Services)

	status := slices.DeleteFunc(slices.Clone(writes), func(call string) bool { return call != "status Depot one" })
	require.LessOrEqual(t, len(status), 2, "one more write, once")
}

// TestAServiceThatGoesMeanwhileIsNotReleasedOn: what was said binds nobody before the release is there.
func TestAServiceThatGoesMeanwhileIsNotReleasedOn(t *testing.T) {
	l := keeping(t)
	l.reconcile("Depot", "tenant-alpha", "one")
	require.Nil(t, l.releaseOf("depot-one"))
	require.Equal(t, map[string]string{"etcd": "tenant-root"}, statusOf(l.depot("one")).Services)

	has := l.tenants.resolved["tenant-alpha"]
	has.Services[tenant.Etcd] = tenant.Provision{Source: tenant.Own, Namespace: "tenant-alpha"}
	l.tenants.resolved["tenant-alpha"] = has
	l.settle()
	require.Nil(t, l.releaseOf("depot-one"))

	reason, message := l.ready(l.depot("one"))
	require.Equal(t, application.ReasonWaitingForService, reason)
	require.Equal(t, "etcd of tenant-alpha is not ready", message)
	require.Equal(t, map[string]string{"etcd": "tenant-alpha"}, statusOf(l.depot("one")).Services)
}
