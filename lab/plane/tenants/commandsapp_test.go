// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

// usersAskForCredentials: users of alpha have rights in below too, and none in beside and in root. Each of the first two has a depot.
func (w *world) usersAskForCredentials(t *testing.T) {
	t.Helper()

	for level, user := range w.usersOf(t, "root/alpha") {
		for line, namespace := range map[string]string{
			"depot/one": "tenant-alpha", "depots/one --tenant tenant-alpha": "tenant-alpha",
			"Depot/deep --tenant below": "tenant-alpha-below", "depot/deep --namespace tenant-alpha-below": "tenant-alpha-below",
		} {
			if level == tenant.View {
				user.fails(t, "app credentials "+line, "you need the level use in "+namespace+", or in a tenant above",
					"cozy-install tenant kubeconfig "+namespace+" --level use")

				continue
			}

			user.does(t, "app credentials "+line, "-password", "secret")

			out, said, err := user.run(t, "app credentials "+line+" --key password")
			require.NoError(t, err, said)
			require.Equal(t, "secret", out)
		}

		for _, word := range []string{"beside", "tenant-beside", "tenant-root", "nobody"} {
			user.fails(t, "app credentials depot/one --tenant "+word, "no tenant that you may see is called", "you see the tenants below tenant-alpha")
		}

		user.fails(t, "app credentials depot/one --namespace tenant-beside", "you need the level use in tenant-beside, or in a tenant above")
		user.fails(t, "app credentials depot/none --tenant below", "get Depot none in tenant-alpha-below", "kubectl get --namespace tenant-alpha-below depots.")
		user.fails(t, "app credentials mysql/one", `no kind of application is called "mysql"`, "the kinds are Depot")
		user.does(t, "tenant delete below --dry-run", "Depot deep")
	}
}
