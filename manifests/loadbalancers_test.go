// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/cel/environment"
)

const cloudController = "system:serviceaccount:tenant-alpha:cloud-controller-kubernetes-shop"

// service is one that a user of the cluster kubernetes-shop ordered there.
func service(change func(meta, spec map[string]any)) map[string]any {
	meta := map[string]any{"name": "a1", "labels": map[string]any{"cluster.x-k8s.io/cluster-name": "kubernetes-shop"}}
	spec := map[string]any{"type": "LoadBalancer", "selector": map[string]any{"cluster.x-k8s.io/cluster-name": "kubernetes-shop"}}
	if change != nil {
		change(meta, spec)
	}
	return map[string]any{"metadata": meta, "spec": spec}
}

// loadBalancerRefusal is what the policy says to a Service; empty: allowed, or none of its business.
func loadBalancerRefusal(t *testing.T, user string, object, before map[string]any) string {
	t.Helper()
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).NewExpressionsEnv() // as the API server has it
	env, err := base.Extend(
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType), cel.Variable("request", cel.DynType),
		cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType)))
	require.NoError(t, err)
	variables := map[string]any{}
	input := map[string]any{
		"object": object, "oldObject": nil, "variables": variables,
		"request": map[string]any{"namespace": "tenant-alpha", "userInfo": map[string]any{"username": user}},
	}
	if before != nil {
		input["oldObject"] = before
	}
	value := func(expression any) any {
		ast, issues := env.Compile(expression.(string))
		require.NoError(t, issues.Err())
		program, err := env.Program(ast)
		require.NoError(t, err)
		out, _, err := program.Eval(input)
		require.NoError(t, err, expression)
		return out.Value()
	}

	manifest := render(t, rendering{"", "tenant-applications", "cozy-system", nil})
	policy := named(t, manifest, "ValidatingAdmissionPolicy", "tenant-loadbalancers.cozystack.io")["spec"].(map[string]any)
	for _, condition := range policy["matchConditions"].([]any) {
		if value(at(condition.(map[string]any), "expression")) != true {
			return ""
		}
	}
	for _, variable := range policy["variables"].([]any) {
		variable := variable.(map[string]any)
		variables[variable["name"].(string)] = value(variable["expression"])
	}
	for _, validation := range policy["validations"].([]any) {
		validation := validation.(map[string]any)
		if value(validation["expression"]) == true {
			continue
		}
		if message, isFixed := validation["message"].(string); isFixed {
			return message
		}
		return value(validation["messageExpression"]).(string)
	}
	return ""
}

// TestUsersOfATenantsClusterOrderLoadBalancersAndNothingElse: the cloud controller copies what they write into Services here.
func TestUsersOfATenantsClusterOrderLoadBalancersAndNothingElse(t *testing.T) {
	other := service(func(meta, _ map[string]any) { meta["labels"] = map[string]any{"app": "grafana"} })
	for name, c := range map[string]struct {
		user           string
		object, before map[string]any
		want           string // empty: allowed
	}{
		"a load balancer":                {cloudController, service(nil), nil, ""},
		"a change of it":                 {cloudController, service(nil), service(nil), ""},
		"an annotation of its user's":    {cloudController, service(annotated("example.org/team", "x")), nil, ""},
		"the address of something else":  {cloudController, service(func(_, spec map[string]any) { spec["externalIPs"] = []any{"10.0.0.1"} }), nil, "spec.externalIPs: 10.0.0.1"},
		"the name of something else":     {cloudController, service(annotated("external-dns.alpha.kubernetes.io/hostname", "grafana.example.org")), nil, "external-dns.alpha.kubernetes.io/hostname"},
		"a part in an address":           {cloudController, service(annotated("metallb.io/allow-shared-ip", "ingress")), nil, "metallb.io/allow-shared-ip"},
		"Helm's ownership":               {cloudController, service(annotated("meta.helm.sh/release-name", "postgres-db")), nil, "meta.helm.sh"},
		"no label":                       {cloudController, other, nil, "of its own cluster only"},
		"what belongs to something else": {cloudController, service(nil), other, "not of the cloud controller's cluster"},
		"pods of something else":         {cloudController, service(func(_, spec map[string]any) { spec["selector"] = map[string]any{"app": "postgres"} }), nil, "spec.selector"},
		"no selector":                    {cloudController, service(func(_, spec map[string]any) { delete(spec, "selector") }), nil, "spec.selector"},
		"a release of an application":    {"system:serviceaccount:tenant-alpha:tenant-releases", other, nil, ""},
	} {
		got := loadBalancerRefusal(t, c.user, c.object, c.before)
		if c.want == "" {
			require.Empty(t, got, name)
		} else {
			require.Contains(t, got, c.want, name)
		}
	}
}

func annotated(key, value string) func(meta, spec map[string]any) {
	return func(meta, _ map[string]any) { meta["annotations"] = map[string]any{key: value} }
}
