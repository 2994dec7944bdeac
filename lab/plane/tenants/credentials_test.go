// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func (w *world) credentialsAreRead(t *testing.T) {
	reads := func(verb, name string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{Namespace: "tenant-alpha", Verb: verb, Resource: "secrets", Name: name}
	}

	for _, group := range []string{"tenant-alpha-use", "tenant-alpha-admin", "tenant-root-super-admin"} {
		w.await(t, func() bool { return w.may(t, group, reads("get", "depot-one-password")) },
			func() string { return group + " can't read the password" })
		require.False(t, w.may(t, group, reads("list", "")), group)
		require.False(t, w.may(t, group, reads("get", "sh.helm.release.v1.depot-one.v1")), group)
	}

	require.False(t, w.may(t, "tenant-alpha-view", reads("get", "depot-one-password")))
}

// credentialsReachUp: whoever holds a level above holds it below, by the name of the Secret; nobody beside or below does.
func (w *world) credentialsReachUp(t *testing.T) {
	w.create(t, "tenant-alpha", "below", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-alpha", "below")
	w.create(t, "tenant-root", "beside", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "beside")

	out, err := w.apply(t, `{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Depot",
		"metadata": {"name": "deep", "namespace": "tenant-alpha-below"}, "spec": {}}`)
	require.NoError(t, err, out)

	reads := func(verb, namespace, name string) authorizationv1.ResourceAttributes {
		return authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Resource: "secrets", Name: name}
	}
	w.awaitFor(t, 2*patience, func() bool {
		return w.may(t, "tenant-alpha-below-use", reads("get", "tenant-alpha-below", "depot-deep-password"))
	},
		func() string { return "the password two below the root is nobody's" })

	for held, level := range tenant.Levels() {
		for holder, in := range map[string][]string{
			"tenant-root": {"tenant-alpha", "tenant-alpha-below"}, "tenant-alpha": {"tenant-alpha", "tenant-alpha-below"},
			"tenant-alpha-below": {"tenant-alpha-below"}, "tenant-beside": nil,
		} {
			for namespace, name := range map[string]string{"tenant-alpha": "depot-one-password", "tenant-alpha-below": "depot-deep-password"} {
				group := tenant.Group(holder, level)
				expected := held > 0 && slices.Contains(in, namespace)
				require.Equal(t, expected, w.may(t, group, reads("get", namespace, name)), "%s reads %s in %s", group, name, namespace)

				for _, verb := range []string{"list", "watch", "update", "patch", "delete"} {
					require.False(t, w.may(t, group, reads(verb, namespace, name)), "%s: %s %s in %s", group, verb, name, namespace)
				}

				require.False(t, w.may(t, group, reads("get", namespace, "sh.helm.release.v1.depot-deep.v1")), group)
			}
		}
	}

	w.usersAskForCredentials(t)

	// A tenant takes its applications along.
	w.delete(t, "tenant-alpha", "below")
	w.delete(t, "tenant-root", "beside")
	w.awaitFor(t, 4*patience, func() bool { return w.find(t, "v1", "Namespace", "", "tenant-alpha-below") == nil },
		func() string { return "a tenant with an application stays" })
	w.awaitGone(t, &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-root", Name: "beside"}})
}
