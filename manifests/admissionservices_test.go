// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAdmissionLetsNobodyElseMakeServices(t *testing.T) {
	attempt := func(operation, user string) map[string]any {
		object := map[string]any{"metadata": map[string]any{"name": "etcd", "namespace": "tenant-a"}}
		input := map[string]any{"object": object, "oldObject": nil, "request": map[string]any{
			"namespace": "tenant-a", "operation": operation, "resource": map[string]any{"resource": "etcds"},
			"userInfo": map[string]any{"username": user},
		}}
		if operation == "DELETE" {
			input["object"], input["oldObject"] = nil, object
		}
		return input
	}
	const (
		policy     = "tenant-services.cozystack.io"
		controller = "system:serviceaccount:cozy-system:cozy-controller"
		namespaces = "system:serviceaccount:kube-system:namespace-controller"
	)
	for _, operation := range []string{"CREATE", "DELETE"} {
		require.Empty(t, judge(t, policy, attempt(operation, controller)))
		for _, user := range []string{"alice", "system:serviceaccount:tenant-a:cozy-controller", "system:serviceaccount:tenant-a:tenant-super-admin"} {
			require.Equal(t, `metadata.name: "etcd": a cluster service is made and deleted with the flag of its tenant; `+
				"change its spec, or set spec.etcd of the tenant whose namespace is tenant-a", judge(t, policy, attempt(operation, user)))
		}
	}
	require.Empty(t, judge(t, policy, attempt("DELETE", namespaces)), "a namespace that goes is emptied")
	require.NotEmpty(t, judge(t, policy, attempt("CREATE", namespaces)))
	require.NotEmpty(t, judge(t, policy, attempt("DELETE", "system:serviceaccount:kube-system:generic-garbage-collector")),
		"it deletes what names an owner that is not there, and users may write that")
}

func TestAdmissionKeepsServicesThatAreUsed(t *testing.T) {
	change := func(service string, before, after, dependents any, annotations map[string]any) map[string]any {
		spec := func(flag any) map[string]any {
			if flag == nil {
				return map[string]any{}
			}
			return map[string]any{service: flag}
		}
		status := map[string]any{}
		if dependents != nil {
			status["services"] = map[string]any{service: map[string]any{"source": "own", "dependents": dependents}}
		}
		meta := map[string]any{"name": "a"}
		if annotations != nil {
			meta["annotations"] = annotations
		}
		return map[string]any{
			"object":    map[string]any{"metadata": meta, "spec": spec(after)},
			"oldObject": map[string]any{"metadata": map[string]any{"name": "a"}, "spec": spec(before), "status": status},
			"request":   map[string]any{"namespace": "tenant-root", "operation": "UPDATE"},
		}
	}
	used := map[string]any{"count": 2, "first": []any{"tenant-a-b", "tenant-a-b/Kubernetes/prod"}}
	many := map[string]any{"count": 11, "first": []any{"tenant-a-b"}}
	unused := map[string]any{"count": 0}
	force := func(what string) map[string]any { return map[string]any{"cozystack.io/force-disable": what} }

	for _, service := range []string{"etcd", "monitoring", "ingress", "seaweedfs"} {
		for name, test := range map[string]struct {
			before, after, dependents any
			annotations               map[string]any
			refusal                   string // empty: allowed
		}{
			"off, used":           {true, false, used, nil, "2 depend on it: tenant-a-b, tenant-a-b/Kubernetes/prod; move them"},
			"left out, used":      {true, nil, used, map[string]any{"x": "y"}, "spec." + service + `: "false": 2 depend on it`},
			"off, used by many":   {true, false, many, nil, "11 depend on it: tenant-a-b, ...;"},
			"another is forced":   {true, false, used, force("other"), "2 depend on it"},
			"forced":              {true, false, used, force(service), ""},
			"forced among others": {true, false, used, force("other, " + service), ""},
			"off, unused":         {true, false, unused, nil, ""},
			"off, never counted":  {true, false, nil, nil, ""},
			"stays on":            {true, true, used, nil, ""},
			"stays off":           {false, false, used, nil, ""},
			"on":                  {nil, true, nil, nil, ""},
		} {
			got := judge(t, "tenant-service-flags.cozystack.io", change(service, test.before, test.after, test.dependents, test.annotations))
			if test.refusal == "" {
				require.Empty(t, got, name)
			} else {
				require.Contains(t, got, test.refusal, name)
			}
		}
	}
}
