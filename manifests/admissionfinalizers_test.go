// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/library"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/controller/application"
)

// dropping is an update of an object in tenant-a whose finalizers were and are to be these. The user may what mayDo says.
func dropping(who, resource string, before, after []any, mayDo authorizer.AuthorizerFunc) map[string]any {
	object := func(finalizers []any) map[string]any {
		meta := map[string]any{"name": "one", "namespace": "tenant-a"}
		if finalizers != nil {
			meta["finalizers"] = finalizers
		}
		return map[string]any{"metadata": meta}
	}
	return map[string]any{
		"object": object(after), "oldObject": object(before),
		"request": map[string]any{
			"namespace": "tenant-a", "operation": "UPDATE", "resource": map[string]any{"resource": resource},
			"userInfo": map[string]any{"username": who},
		},
		"authorizer": library.NewAuthorizerVal(&user.DefaultInfo{Name: who}, mayDo),
	}
}

func nobodyMay(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "", nil
}

func TestAdmissionKeepsTheFinalizersOfTheController(t *testing.T) {
	const controller = "system:serviceaccount:cozy-system:cozy-controller"
	p := readPolicy(t, "tenant-finalizers.cozystack.io")

	for resource, finalizer := range map[string]string{
		v1alpha1.TenantPlural: v1alpha1.TenantFinalizer,
		"postgreses":          application.Finalizer, "etcds": application.Finalizer, "depots": application.Finalizer,
	} {
		for name, test := range map[string]struct {
			who           string
			before, after []any
			isRefused     bool
		}{
			"left out":                    {"alice", []any{finalizer}, nil, true},
			"emptied":                     {"alice", []any{finalizer}, []any{}, true},
			"another instead":             {"alice", []any{finalizer}, []any{"example.org/mine"}, true},
			"one that only begins so":     {"alice", []any{finalizer}, []any{finalizer + "s"}, true},
			"only another stays":          {"alice", []any{"example.org/mine", finalizer}, []any{"example.org/mine"}, true},
			"by a level":                  {"system:serviceaccount:tenant-a:tenant-super-admin", []any{finalizer}, nil, true},
			"by a namesake":               {"system:serviceaccount:tenant-a:cozy-controller", []any{finalizer}, nil, true},
			"by the garbage collector":    {"system:serviceaccount:kube-system:generic-garbage-collector", []any{finalizer}, nil, true},
			"by the controller":           {controller, []any{finalizer}, nil, false},
			"kept":                        {"alice", []any{finalizer}, []any{finalizer}, false},
			"one's own comes":             {"alice", []any{finalizer}, []any{"example.org/mine", finalizer}, false},
			"one's own goes":              {"alice", []any{finalizer, "example.org/mine"}, []any{finalizer}, false},
			"Kubernetes takes its own":    {"alice", []any{finalizer, "foregroundDeletion", "orphan"}, []any{finalizer}, false},
			"not looked at yet":           {"alice", nil, nil, false},
			"not held, one's own goes":    {"alice", []any{"example.org/mine"}, nil, false},
			"held by nobody who kept it":  {"alice", []any{"cozystack.io/other"}, nil, false},
			"put on, as the controller's": {"alice", nil, []any{finalizer}, false},
		} {
			got := p.judge(t, dropping(test.who, resource, test.before, test.after, nobodyMay))
			require.Equal(t, test.isRefused, got != "", "%s of %s: %s", name, resource, got)
		}
	}
	require.Equal(t, `metadata.finalizers: "example.org/a, example.org/b": cozystack.io/tenant stays until the controller has removed all that was `+
		`made for the object, and taking it off before takes the permission "dropfinalizer" on tenants in namespace "tenant-a"; keep it in the `+
		"list, as kubectl apply and patch do that name no finalizers",
		p.judge(t, dropping("alice", "tenants", []any{v1alpha1.TenantFinalizer}, []any{"example.org/a", "example.org/b"}, nobodyMay)))
}

// TestAdmissionLeavesOperatorsAWayOut asks of the very object that is to lose its finalizer.
func TestAdmissionLeavesOperatorsAWayOut(t *testing.T) {
	operator := func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.GetVerb() == "dropfinalizer" && a.GetAPIGroup() == v1alpha1.GroupVersion.Group && a.GetResource() == "postgreses" &&
			a.GetNamespace() == "tenant-a" && a.GetName() == "one" && a.GetUser().GetName() == "operator" {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	}
	p := readPolicy(t, "tenant-finalizers.cozystack.io")
	require.Empty(t, p.judge(t, dropping("operator", "postgreses", []any{application.Finalizer}, nil, operator)))
	require.NotEmpty(t, p.judge(t, dropping("alice", "postgreses", []any{application.Finalizer}, nil, operator)))
	require.NotEmpty(t, p.judge(t, dropping("operator", "etcds", []any{application.Finalizer}, nil, operator)), "of another kind")
}
