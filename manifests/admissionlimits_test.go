// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

// limited is the input of a policy for a tenant made below resolved, with the limits that the controller would keep.
func limited(parent tenant.Resolved, name string, spec, limits map[string]any) map[string]any {
	labels := map[string]any{}
	for key, value := range parent.Labels() {
		labels[key] = value
	}
	input := creation(parent.Namespace, name, labels)
	input["object"].(map[string]any)["spec"] = spec
	input["params"] = map[string]any{"spec": limits}
	return input
}

func changed(input, before, status map[string]any) map[string]any {
	input["request"].(map[string]any)["operation"] = "UPDATE"
	old := map[string]any{"spec": before}
	if status != nil {
		old["status"] = status
	}
	input["oldObject"] = old
	return input
}

// TestAdmissionOfHostsAgreesWithTheRules holds the policy against the controller's own answer, host by host. The tenant that
// is new is the youngest.
func TestAdmissionOfHostsAgreesWithTheRules(t *testing.T) {
	tree := []tenant.Tenant{
		{Namespace: "tenant-root", Name: "root", Host: "example.org"},
		{Namespace: "tenant-root", Name: "a"},
		{Namespace: "tenant-a", Name: "b"},
		{Namespace: "tenant-a-b", Name: "c"},
		{Namespace: "tenant-root", Name: "z", Host: "shop.com"},
		{Namespace: "tenant-a", Name: "u", Host: "new.c.b.a.example.org"},
		{Namespace: "tenant-a-b", Name: "held", Host: "shop-eu.example.org", IsSettled: true, HoldsHost: "shop-eu.example.org"},
	}
	resolved, refused := tenant.Resolve(tree)
	require.Len(t, refused, 1, "u lies below c")
	var hosts []any
	for _, namespace := range slices.Sorted(maps.Keys(resolved)) {
		hosts = append(hosts, map[string]any{"host": resolved[namespace].Host, "namespace": namespace})
	}
	p := readPolicy(t, "tenant-hosts.cozystack.io")
	verdicts := map[bool]int{}
	for _, parent := range []string{"tenant-root", "tenant-a", "tenant-a-b", "tenant-a-b-held"} {
		for _, host := range []string{
			"", "free.com", "shop.com", "x.shop.com", "com", "shop.com.org", "xshop.com", "example.org", "org", "b.example.org",
			"a.example.org", "x.a.example.org", "b.a.example.org", "x.b.a.example.org", "x.c.b.a.example.org", "grafana.example.org",
			"x.grafana.example.org", "grafana.x.a.example.org", "s3.b.a.example.org", "z.example.org",
			"kubernetes-prod.example.org", "kubernetes-prod.b.a.example.org", "x.postgres-db.a.example.org", "eu-1.x.a.example.org", "a-b.com",
			"vm-exportproxy.example.org", "eu-1.x.shop-eu.example.org",
		} {
			spec := map[string]any{}
			if host != "" {
				spec["host"] = host
			}
			young := tenant.Tenant{Namespace: parent, Name: "young", Host: host, Created: time.Unix(1, 0)}
			_, refused := tenant.Resolve(append(slices.Clone(tree), young))
			i := slices.IndexFunc(refused, func(r *tenant.Refusal) bool { return r.Tenant == young.Key() })
			isRefused := i >= 0
			verdict := p.judge(t, limited(resolved[parent], "young", spec, map[string]any{"hosts": hosts}))
			require.Equal(t, isRefused, verdict != "", "%q made in %s: %s", host, parent, verdict)
			if isRefused {
				require.Equal(t, asAdmissionSays(refused[i]), verdict)
			}
			verdicts[isRefused]++
		}
	}
	require.Greater(t, verdicts[true], 10)
	require.Greater(t, verdicts[false], 10)
}

func TestAdmissionOfHostsLeavesATenantThatIsThereToTheServer(t *testing.T) {
	resolved, _ := tenant.Resolve([]tenant.Tenant{
		{Namespace: "tenant-root", Name: "root", Host: "example.org"}, {Namespace: "tenant-root", Name: "a"}, {Namespace: "tenant-a", Name: "b"},
	})
	hosts := []any{
		map[string]any{"host": "a.example.org", "namespace": "tenant-a"}, map[string]any{"host": "b.a.example.org", "namespace": "tenant-a-b"},
	}
	p := readPolicy(t, "tenant-hosts.cozystack.io")
	for parent, name := range map[string]string{"tenant-root": "a", "tenant-a": "b"} {
		require.Empty(t, p.judge(t, limited(resolved[parent], name, map[string]any{}, map[string]any{"hosts": hosts})))
	}
	require.NotEmpty(t, p.judge(t, limited(resolved["tenant-root"], "c", map[string]any{"host": "a.example.org"}, map[string]any{"hosts": hosts})))
}

// TestAdmissionOfHostsLeavesAWrongNameToTheRuleOfNames: nobody asked for the host that would come of it.
func TestAdmissionOfHostsLeavesAWrongNameToTheRuleOfNames(t *testing.T) {
	resolved, _ := tenant.Resolve([]tenant.Tenant{{Namespace: "tenant-root", Name: "root", Host: "example.org"}})
	hosts := []any{map[string]any{"host": "example.org", "namespace": "tenant-root"}}
	p := readPolicy(t, "tenant-hosts.cozystack.io")
	require.Empty(t, p.judge(t, limited(resolved["tenant-root"], "wr-ong", map[string]any{}, map[string]any{"hosts": hosts})))
	asked := map[string]any{"host": "wr-ong.example.org"}
	require.NotEmpty(t, p.judge(t, limited(resolved["tenant-root"], "wrong", asked, map[string]any{"hosts": hosts})))
}

func TestAdmissionOfHostsThatChange(t *testing.T) {
	resolved, _ := tenant.Resolve([]tenant.Tenant{
		{Namespace: "tenant-root", Name: "root", Host: "example.org"}, {Namespace: "tenant-root", Name: "a"}, {Namespace: "tenant-a", Name: "b"},
	})
	hosts := []any{
		map[string]any{"host": "example.org", "namespace": "tenant-root"},
		map[string]any{"host": "a.example.org", "namespace": "tenant-a"},
		map[string]any{"host": "b.com", "namespace": "tenant-a-b"},
	}
	p := readPolicy(t, "tenant-hosts.cozystack.io")
	for name, test := range map[string]struct {
		before, after any // nil: not set
		own, refusal  string
	}{
		"another field":           {"b.com", "b.com", "tenant-a", ""},
		"a free host":             {nil, "free.com", "tenant-a", ""},
		"below one's own":         {nil, "x.a.example.org", "tenant-a", ""},
		"a host above":            {nil, "org", "tenant-a", "another tenant holds a host below"},
		"above a descendant's":    {nil, "com", "tenant-a", ""},
		"of a descendant":         {nil, "b.com", "tenant-a", "this host is taken"},
		"back to what is given":   {"free.com", nil, "tenant-a", ""},
		"the given one is taken":  {"free.com", nil, "tenant-young", "this host is taken"},
		"one's own, written down": {nil, "a.example.org", "tenant-a", ""},
	} {
		spec, before := map[string]any{}, map[string]any{}
		if test.after != nil {
			spec["host"] = test.after
		}
		if test.before != nil {
			before["host"] = test.before
		}
		input := limited(resolved["tenant-root"], "a", spec, map[string]any{"hosts": hosts})
		got := p.judge(t, changed(input, before, map[string]any{"namespace": test.own}))
		if test.refusal == "" {
			require.Empty(t, got, name)
		} else {
			require.Contains(t, got, test.refusal, name)
		}
	}
}

func TestAdmissionOfQuotas(t *testing.T) {
	resolved, _ := tenant.Resolve([]tenant.Tenant{
		{Namespace: "tenant-root", Name: "root", Host: "example.org"}, {Namespace: "tenant-root", Name: "a"},
	})
	left := map[string]any{"cpu": "1500m", "nvidia.com/gpu": "2"}
	p := readPolicy(t, "tenant-quotas.cozystack.io")
	quotas := func(pairs ...any) map[string]any {
		amounts := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			amounts[pairs[i].(string)] = pairs[i+1]
		}
		return map[string]any{"resourceQuotas": amounts}
	}
	for name, test := range map[string]struct {
		spec, before, holds map[string]any // before nil: it is new
		refusal             string
	}{
		"it fits":            {spec: quotas("cpu", int64(1), "nvidia.com/gpu", "2", "pods", "9")},
		"just so":            {spec: quotas("cpu", "1.5", "nvidia.com/gpu", "0")},
		"a bound is missing": {spec: quotas("cpu", "1"), refusal: `spec.resourceQuotas[nvidia.com/gpu]: "": the tenant above bounds nvidia.com/gpu`},
		"none is declared":   {spec: map[string]any{}, refusal: "the tenant above bounds "},
		"too much": {
			spec: quotas("cpu", int64(2), "nvidia.com/gpu", "0"), refusal: `spec.resourceQuotas.cpu: "2": 1500m is left of what the tenant above may use; ask for less, or have the bound`,
		},
		"what it has counts": {
			spec: quotas("cpu", "3", "nvidia.com/gpu", "0"), before: quotas("cpu", "2", "nvidia.com/gpu", "0"),
			holds: map[string]any{"cpu": "2", "nvidia.com/gpu": "0"},
		},
		"and no more": {
			spec: quotas("cpu", "4", "nvidia.com/gpu", "0"), before: quotas("cpu", "2"), holds: map[string]any{"cpu": "2"},
			refusal: `"4": 1500m is left of what the tenant above may use, beside the 2 that it has`,
		},
		"another field changes": {spec: quotas("cpu", "9"), before: quotas("cpu", "9")},
	} {
		input := limited(resolved["tenant-a"], "young", test.spec, map[string]any{"left": left})
		if test.before != nil {
			changed(input, test.before, map[string]any{"quota": map[string]any{"bounds": test.holds}})
		}
		got := p.judge(t, input)
		if test.refusal == "" {
			require.Empty(t, got, name)
		} else {
			require.Contains(t, got, test.refusal, name)
		}
	}

	given := readPolicy(t, "tenant-given.cozystack.io")
	lowered := func(to any) string {
		return given.judge(t, changed(limited(resolved["tenant-root"], "a", quotas("cpu", to), nil), quotas("cpu", "4"),
			map[string]any{"quota": map[string]any{"given": map[string]any{"cpu": "2500m"}}}))
	}
	require.Empty(t, lowered("3"))
	require.Contains(t, lowered(int64(2)), `spec.resourceQuotas.cpu: "2": 2500m is given to the tenants below`)
}
