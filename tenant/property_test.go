// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/cozystack/cozy-install/tenant"
)

// words are names as they could be mistaken for something else: levels, parts of namespaces, reserved and illegal ones.
func words() []string {
	return []string{"a", "b", "ab", "tenant", "tenanta", "x1", "view", "use", "admin", "super", "root", "grafana", "etcd", "a-b", "superadmin", "kubernetes"}
}

// wanted are hosts that overlap with each other and with inherited ones.
func wanted() []string {
	return []string{
		"", "", "", "", "example.org", "org", "a.example.org", "b.a.example.org", "c.example.org", "x.c.example.org", "example.com",
		"a.example.com", "grafana.example.org", "admin.a.example.org", "Bad.org", "a-b.example.org", "x.a-b.a.example.org", "a-b.x.example.org",
	}
}

// drawTree draws a tree of depth one to six below the root, with a few tenants of nobody's namespace.
func drawTree(t *rapid.T) []tenant.Tenant {
	tree := []tenant.Tenant{root()}
	places := []string{tenant.RootNamespace}
	depth := map[string]int{tenant.RootNamespace: 0}
	isThere := map[string]bool{tree[0].Key().String(): true}

	for i := range rapid.IntRange(0, 40).Draw(t, "tenants") {
		one := tenant.Tenant{
			Namespace: rapid.SampledFrom(places).Draw(t, "parent"),
			Name:      rapid.SampledFrom(words()).Draw(t, "name"),
			Host:      rapid.SampledFrom(wanted()).Draw(t, "host"),
			Created:   at(rapid.IntRange(0, 5).Draw(t, "created")),
			IsSettled: rapid.Bool().Draw(t, "settled"),
			HoldsHost: rapid.SampledFrom(wanted()).Draw(t, "held"),
			UID:       types.UID(fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "uid"), "-", i)),
		}
		for service := range one.Runs {
			one.Runs[service] = rapid.Bool().Draw(t, "runs")
		}

		if rapid.IntRange(0, 19).Draw(t, "orphan") == 0 {
			one.Namespace = "default"
		}

		if isThere[one.Key().String()] {
			continue
		}

		isThere[one.Key().String()] = true
		tree = append(tree, one)

		if namespace := tenant.Namespace(one.Namespace, one.Name); one.Namespace != "default" && depth[one.Namespace] < 5 {
			places = append(places, namespace)
			depth[namespace] = depth[one.Namespace] + 1
		}
	}

	return tree
}

func TestNoTwoTenantsCoincide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		resolved, refused := tenant.Resolve(tree)
		owner := map[string]string{}

		claim := func(kind, value, by string) {
			key := kind + " " + value
			if other, isTaken := owner[key]; isTaken {
				t.Fatalf("%s belongs to %s and to %s", key, other, by)
			}

			owner[key] = by
		}

		for namespace, one := range resolved {
			require.Equal(t, namespace, one.Namespace)
			require.LessOrEqual(t, len(namespace), 63)

			by := one.Tenant.String()
			claim("namespace", namespace, by)
			claim("host", one.Host, by)
			claim("release", one.Tenant.Namespace+"/"+tenant.Release(one.Tenant.Name), by)

			for _, cluster := range []string{"a", "b", "kubernetes-a", "kubernetes-kubernetes-b", "a-kubernetes-b"} {
				// As Kamaji 26.3 does (tenantcontrolplane_funcs.go, normalizeNamespaceName).
				claim("keys in etcd", strings.ReplaceAll(namespace+"_kubernetes-"+cluster, "-", "_"), by)
			}

			for _, level := range tenant.Levels() {
				claim("group", tenant.Group(namespace, level), by)
			}
		}

		for _, one := range refused {
			claim("namespace", one.Namespace+" of refused "+one.Tenant.String(), "refused")
			require.NotContains(t, resolved, one.Namespace, "%s is refused and shares a namespace", one.Tenant)
		}

		require.Len(t, tree, len(resolved)+len(refused))
	})
}

func TestResolveAgreesWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		resolved, refused := tenant.Resolve(tree)
		want := bruteForce(tree)

		got := map[string]answer{}
		for _, one := range resolved {
			got[one.Tenant.String()] = answer{
				namespace: one.Namespace, host: one.Host, ancestors: one.Ancestors, providers: providersOf(one),
			}
		}

		require.Equal(t, want, got)

		for _, one := range refused {
			require.NotContains(t, want, one.Tenant.String())
		}
	})
}

func TestOrderOfTheTreeDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		resolved, refused := tenant.Resolve(tree)

		shuffled := slices.Clone(tree)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })

		again, refusedAgain := tenant.Resolve(shuffled)
		require.Equal(t, resolved, again)
		require.Equal(t, refused, refusedAgain)
	})
}

func providersOf(one tenant.Resolved) [tenant.ServiceCount]string {
	var providers [tenant.ServiceCount]string
	for service, provision := range one.Services {
		providers[service] = provision.Namespace
	}

	return providers
}
