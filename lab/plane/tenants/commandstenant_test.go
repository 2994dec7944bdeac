// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// usersRunCommands: alpha is in the middle of a tree. Who has a level there has nothing in root, where the Tenant of alpha is, nor
// in beside.
func (w *world) usersRunCommands(t *testing.T) {
	users := w.usersOf(t, "root/alpha")
	w.create(t, "tenant-root", "beside", v1alpha1.TenantSpec{})
	w.awaitReady(t, "tenant-root", "beside")

	w.createPod(t, "tenant-beside", "one", nil)
	w.createPod(t, "tenant-alpha", "one", nil)
	w.createPod(t, "tenant-alpha", "let", map[string]string{"policy.cozystack.io/allow-to-etcd": "true"})
	w.createPod(t, "tenant-alpha", "etcd", map[string]string{"cozystack.io/service": "etcd"})
	w.createPod(t, "tenant-alpha-beta", "one", map[string]string{"policy.cozystack.io/allow-to-etcd": "true"})
	w.createPod(t, "tenant-alpha-beta-gamma", "one", nil)
	w.createPod(t, "tenant-alpha-beta-gamma", "etcd", map[string]string{"cozystack.io/service": "etcd"})

	for held, level := range tenant.Levels() {
		t.Run(string(level), func(t *testing.T) {
			users[level].lookAround(t)
			users[level].explainTraffic(t)
			users[level].handOn(t, held)
			users[level].reachNobodyElse(t)
		})
	}

	for _, level := range []tenant.Level{tenant.View, tenant.Use, tenant.Admin} {
		const needed = "you need the level super-admin in tenant-alpha, or in a tenant above"

		user := users[level]
		user.fails(t, "tenant create made --parent tenant-alpha", needed, "cozy-install tenant kubeconfig tenant-alpha --level super-admin")
		user.fails(t, "tenant create made --parent tenant-alpha --dry-run", needed)
		user.does(t, "tenant delete beta --dry-run", "tenant-alpha-beta-gamma")
		user.fails(t, "tenant delete beta --yes", needed, "cozy-install tenant kubeconfig tenant-alpha --level super-admin")
	}

	require.Empty(t, w.get(t, "tenant-alpha", "beta").Annotations, "nothing is agreed to by who may not delete")
	users[tenant.SuperAdmin].manageTenants(t, w)
	w.deleteAll(t, "tenant-root", []string{"beside"})
}

// lookAround asks what any level may know of the tenants below its own.
func (c commands) lookAround(t *testing.T) {
	t.Helper()

	const below = "These are the tenants below tenant-alpha; others may not be seen."

	c.does(t, "tenant list", below, "beta.alpha.example.org", "gamma.example.com")
	c.does(t, "tenant tree", below, "tenant-alpha-beta-gamma", "monitoring=own", "monitoring=tenant-alpha-beta")
	c.does(t, "tenant show beta", "tenant-alpha-beta", "KindNotPublished")
	c.does(t, "tenant show root/alpha/beta/gamma", "gamma.example.com")
	c.fails(t, "tenant show tenant-alpha", "in the namespace of the tenant above, which you may not read", "ask somebody with a level in a tenant above")
}

// explainTraffic asks for pods of the tenants below, of its own and of those that it may not see.
func (c commands) explainTraffic(t *testing.T) {
	t.Helper()

	c.does(t, "tenant explain tenant-alpha-beta/one tenant-alpha-beta-gamma/one", "allowed", "tenant-alpha-beta is an ancestor of tenant-alpha-beta-gamma")
	c.does(t, "tenant explain tenant-alpha-beta/one tenant-alpha-beta-gamma/etcd --port 2379", "denied", "etcd is closed")
	c.does(t, "tenant explain tenant-alpha-beta/one tenant-alpha/etcd --port 2379", "unknown",
		"where an application of tenant-alpha-beta stays on the etcd of tenant-alpha", "the site of cozy-controller is unknown")
	c.does(t, "tenant explain tenant-alpha-beta-gamma/one tenant-alpha-beta/one", "denied", "tenant-alpha-beta-gamma is no ancestor of tenant-alpha-beta")
	c.does(t, "tenant explain tenant-alpha/one tenant-alpha-beta/one", "allowed", "tenant-alpha is an ancestor of tenant-alpha-beta",
		"in the namespace of the tenant above, which you may not read: whether its policies are in force is not known")
	c.does(t, "tenant explain tenant-alpha/one tenant-alpha/etcd --port 2379", "denied", "etcd is closed")
	c.does(t, "tenant explain tenant-alpha/let tenant-alpha/etcd --port 2379", "unknown", "it depends on which cluster services tenant-alpha runs")
	c.fails(t, "tenant explain tenant-alpha-beta/one tenant-beside/one", "you need the level view in tenant-beside, or in a tenant above")
	c.fails(t, "tenant explain tenant-alpha-beta/one kube-system/one", "if that is no tenant's namespace, nobody but the platform's administrators may")
}

// handOn asks for kubeconfigs of its own tenant and of one below, which are given up to one's own level.
func (c commands) handOn(t *testing.T, held int) {
	t.Helper()

	for asked, level := range tenant.Levels() {
		for _, namespace := range []string{"tenant-alpha", "tenant-alpha-beta"} {
			file := filepath.Join(t.TempDir(), "given")
			line := "tenant kubeconfig " + namespace + " --level " + string(level) + " --output " + file

			if asked > held {
				c.fails(t, line, "you need the level "+string(level)+" in "+namespace+", or in a tenant above")

				continue
			}

			c.does(t, line, "The token ends at")

			if namespace == "tenant-alpha-beta" && asked == held {
				commands{c.program, file}.does(t, "tenant list", "gamma.example.com", "These are the tenants below tenant-alpha-beta;")
			}
		}
	}
}

// reachNobodyElse names tenants above and beside, and one that nobody has: the answers don't tell them apart.
func (c commands) reachNobodyElse(t *testing.T) {
	t.Helper()

	for _, word := range []string{"tenant-root", "tenant-beside", "beside", "root/beside", "nobody"} {
		for _, line := range []string{
			"show " + word, "delete " + word + " --yes", "kubeconfig " + word + " --level view", "create mine --parent " + word,
		} {
			c.fails(t, "tenant "+line, "no tenant that you may see is called", "you see the tenants below tenant-alpha")
		}
	}

	c.fails(t, "tenant create mine", `no tenant that you may see is called "root"`, "--parent tenant-alpha")
}

// manageTenants makes tenants two deep and deletes them, which only a super-admin may.
func (c commands) manageTenants(t *testing.T, w *world) {
	t.Helper()

	c.does(t, "tenant create made --parent tenant-alpha --dry-run", "would be created")
	c.does(t, "tenant create made --parent tenant-alpha --host made.example.com", "tenant made created in tenant-alpha")
	w.awaitReady(t, "tenant-alpha", "made")
	c.does(t, "tenant create below --parent made", "tenant below created in tenant-alpha-made")
	w.awaitReady(t, "tenant-alpha-made", "below")
	c.does(t, "tenant list", "below.made.example.com")

	c.does(t, "tenant delete made --dry-run", "tenant-alpha-made-below")
	c.does(t, "tenant delete made --yes", "tenant tenant-alpha-made is gone, with all that was in it and below it")
	w.awaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-alpha-made"}})
	c.fails(t, "tenant delete root/alpha --yes", "in the namespace of the tenant above, which you may not read")
	require.Zero(t, w.get(t, "tenant-root", "alpha").DeletionTimestamp)
}
