// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/tenant"
)

// at is a moment that many seconds into the life of a test's cluster.
func at(second int) time.Time { return time.Unix(1_700_000_000+int64(second), 0) }

// change edits a tenant as it is made.
type change func(*tenant.Tenant)

func host(h string) change { return func(t *tenant.Tenant) { t.Host = h } }

func born(second int) change { return func(t *tenant.Tenant) { t.Created = at(second) } }

func class(c string) change { return func(t *tenant.Tenant) { t.SchedulingClass = c } }

func runs(services ...tenant.Service) change {
	return func(t *tenant.Tenant) {
		for _, service := range services {
			t.Runs[service] = true
		}
	}
}

// in makes a tenant whose object lives in a namespace. Its UID follows from its names.
func in(namespace, name string, changes ...change) tenant.Tenant {
	t := tenant.Tenant{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), Created: at(0)}
	for _, apply := range changes {
		apply(&t)
	}

	return t
}

func root(changes ...change) tenant.Tenant {
	return in(tenant.RootNamespace, tenant.RootName, append([]change{host("example.org")}, changes...)...)
}

// resolveAll resolves a tree in which nobody may be refused.
func resolveAll(t *testing.T, tree ...tenant.Tenant) map[string]tenant.Resolved {
	t.Helper()

	resolved, refused := tenant.Resolve(tree)
	require.Empty(t, refused)
	require.Len(t, resolved, len(tree))

	return resolved
}

// reasonsOf is why each refused tenant was refused, by its key.
func reasonsOf(refused []*tenant.Refusal) map[string]tenant.Reason {
	reasons := map[string]tenant.Reason{}
	for _, one := range refused {
		reasons[one.Tenant.String()] = one.Reason
	}

	return reasons
}
