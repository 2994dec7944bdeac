// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/tenant"
)

func creation(namespace, name string, labels map[string]any) map[string]any {
	meta := map[string]any{"name": namespace}
	if labels != nil {
		meta["labels"] = labels
	}
	return map[string]any{
		"object":          map[string]any{"metadata": map[string]any{"name": name, "namespace": namespace}},
		"oldObject":       nil,
		"request":         map[string]any{"namespace": namespace, "operation": "CREATE"},
		"namespaceObject": map[string]any{"metadata": meta},
	}
}

func TestAdmissionOfTenantNames(t *testing.T) {
	long := strings.Repeat("a", 20)
	for name, test := range map[string]struct {
		namespace, tenant string
		labels            map[string]any
		refusal           string // empty: allowed
	}{
		"root's own object":         {"tenant-root", "root", nil, ""},
		"child of root":             {"tenant-root", "alpha", nil, ""},
		"digits after a letter":     {"tenant-root", "a1b2", nil, ""},
		"grandchild":                {"tenant-alpha", "beta", map[string]any{"tenant.cozystack.io/tenant-alpha": ""}, ""},
		"dash":                      {"tenant-root", "al-pha", nil, `metadata.name: "al-pha": a tenant's name is a lower-case letter`},
		"capital":                   {"tenant-root", "Alpha", nil, "lower-case letters and digits, no dash"},
		"digit first":               {"tenant-root", "1a", nil, "lower-case letters and digits, no dash"},
		"line break at the end":     {"tenant-root", "alpha\n", nil, "lower-case letters and digits, no dash"},
		"root elsewhere":            {"tenant-alpha", "root", map[string]any{"tenant.cozystack.io/tenant-alpha": ""}, `"root": this name is reserved for the platform`},
		"word of a level":           {"tenant-root", "super", nil, `"super": this name is reserved for the platform`},
		"host label of a service":   {"tenant-root", "grafana", nil, `"grafana": this name is reserved for the platform`},
		"46 characters":             {"tenant-root", strings.Repeat("a", 46), nil, ""},
		"47 characters":             {"tenant-root", strings.Repeat("a", 47), nil, "would have 54 characters, at most 53 are allowed; shorten the name by 1"},
		"no tenant's namespace":     {"default", "alpha", map[string]any{"team": "x"}, `metadata.namespace: "default": no tenant has this namespace`},
		"namespace without a label": {"default", "alpha", nil, `metadata.namespace: "default": no tenant has this namespace`},
		"63 characters": {
			"tenant-" + long + "-" + long, strings.Repeat("b", 14),
			map[string]any{"tenant.cozystack.io/tenant-" + long + "-" + long: ""},
			"",
		},
		"64 characters": {
			"tenant-" + long + "-" + long, strings.Repeat("b", 15),
			map[string]any{"tenant.cozystack.io/tenant-" + long + "-" + long: ""},
			"its namespace tenant-" + long + "-" + long + "-" + strings.Repeat("b", 15) + " would have 64 characters",
		},
	} {
		got := judge(t, "tenant-names.cozystack.io", creation(test.namespace, test.tenant, test.labels))
		if test.refusal == "" {
			require.Empty(t, got, name)
		} else {
			require.Contains(t, got, test.refusal, name)
		}
	}
}

func TestAdmissionReservesTheNamesThatTheRulesDo(t *testing.T) {
	c, err := readChart(Charts(), "tenant-admission")
	require.NoError(t, err)
	raw, ok := c.file(valuesFile)
	require.True(t, ok)
	var values struct{ ReservedNames []string }
	require.NoError(t, yaml.Unmarshal(raw, &values))
	require.Equal(t, tenant.ReservedNames(), values.ReservedNames)
}

// TestAdmissionAgreesWithTheRules holds the policy against the controller's own check, name by name and word by word.
func TestAdmissionAgreesWithTheRules(t *testing.T) {
	parents := []string{"tenant-root", "tenant-alpha", "tenant-" + strings.Repeat("a", 30)}
	names := append(tenant.ReservedNames(), "", "a", "a-b", "A", "9a", "a9", "ä", "a b",
		strings.Repeat("b", 25), strings.Repeat("b", 26), strings.Repeat("b", 46), strings.Repeat("b", 47), strings.Repeat("b", 60))
	p := readPolicy(t, "tenant-names.cozystack.io")
	for _, parent := range parents {
		for _, name := range names {
			refusal := p.judge(t, creation(parent, name, map[string]any{tenant.AncestorLabel + parent: ""}))
			require.Equal(t, asAdmissionSays(tenant.Check(parent, name)), refusal, "%q in %q", name, parent)
		}
	}
}

func TestAdmissionKeepsTheRoot(t *testing.T) {
	deletion := func(namespace, name string) map[string]any {
		return map[string]any{
			"object":    nil,
			"oldObject": map[string]any{"metadata": map[string]any{"name": name, "namespace": namespace}},
			"request":   map[string]any{"namespace": namespace, "operation": "DELETE"},
		}
	}
	require.Contains(t, judge(t, "tenant-root.cozystack.io", deletion("tenant-root", "root")), "can't be deleted")
	require.Empty(t, judge(t, "tenant-root.cozystack.io", deletion("tenant-root", "alpha")))
}

func TestAdmissionAsksForConsentToDeleteTenantsBelow(t *testing.T) {
	deletion := func(meta map[string]any, status any) map[string]any {
		old := map[string]any{"metadata": map[string]any{"name": "alpha", "namespace": "tenant-root"}}
		for key, value := range meta {
			old["metadata"].(map[string]any)[key] = value
		}
		if status != nil {
			old["status"] = status
		}
		return map[string]any{"object": nil, "oldObject": old, "request": map[string]any{"namespace": "tenant-root", "operation": "DELETE"}}
	}
	consent := func(name string) map[string]any {
		return map[string]any{"annotations": map[string]any{"cozystack.io/confirm-delete": name}}
	}
	two := map[string]any{"children": 2, "namespace": "tenant-alpha"}
	for name, test := range map[string]struct {
		meta    map[string]any
		status  any
		refusal string // empty: allowed
	}{
		"never looked at":       {nil, nil, ""},
		"no children":           {nil, map[string]any{"namespace": "tenant-alpha"}, ""},
		"no children any more":  {nil, map[string]any{"children": 0}, ""},
		"agreed to":             {consent("alpha"), two, ""},
		"going already":         {map[string]any{"deletionTimestamp": "2027-01-01T00:00:00Z"}, two, ""},
		"nobody agreed":         {nil, two, `metadata.annotations[cozystack.io/confirm-delete]: "": the tenants below it (2 right below) are deleted with it`},
		"another annotation":    {map[string]any{"annotations": map[string]any{"a": "b"}}, two, `cozystack.io/confirm-delete=alpha`},
		"agreed for another":    {consent("beta"), two, `"cozy-install tenant delete tenant-alpha"`},
		"without its namespace": {nil, map[string]any{"children": 1}, `"cozy-install tenant delete alpha"`},
	} {
		got := judge(t, "tenant-deletion.cozystack.io", deletion(test.meta, test.status))
		if test.refusal == "" {
			require.Empty(t, got, name)
		} else {
			require.Contains(t, got, test.refusal, name)
		}
	}
}

func TestAdmissionLetsNothingIntoATenantThatIsBeingDeleted(t *testing.T) {
	const policy = "tenant-deleting.cozystack.io"
	require.Empty(t, judge(t, policy, creation("tenant-alpha", "db", nil)))
	require.Empty(t, judge(t, policy, creation("tenant-alpha", "db", map[string]any{"team": "x"})))
	require.Contains(t, judge(t, policy, creation("tenant-alpha", "db", map[string]any{"cozystack.io/deleting": "true"})),
		`metadata.namespace: "tenant-alpha": the tenant of this namespace is being deleted`)
}
