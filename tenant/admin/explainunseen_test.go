// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// userOfFoo answers as the API server does to who has a level in tenant-foo: namespaces, and pods of others, are not for them.
func userOfFoo(objects ...runtime.Object) *fake.Clientset {
	client := fake.NewClientset(objects...)
	client.PrependReactor("get", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		namespace := action.GetNamespace()
		isOthers := namespace != "tenant-foo" && namespace != "tenant-foo-bar"

		return isOthers, nil, apierrors.NewForbidden(schema.GroupResource{Resource: action.GetResource().Resource}, "x", errors.New("no level"))
	})

	return client
}

// TestWhoSeesLessIsToldNothingElse: of foo's pods and those below, its users hear what somebody who sees everything does, or that
// nobody can tell. The latter is only of etcd pods. Applications of both stay on foo's etcd, whatever they use.
func TestWhoSeesLessIsToldNothingElse(t *testing.T) {
	parts := []string{"", policy.PartEtcd, policy.PartIngress, policy.PartVMAgent, policy.PartSeaweedFS}

	var pods []runtime.Object

	for _, namespace := range []string{"tenant-foo", "tenant-foo-bar"} {
		for _, part := range parts {
			pods = append(pods, aPod(namespace, "pod-"+part, labelled(policy.LabelService, part)),
				aPod(namespace, "let-"+part, labelled(policy.LabelService, part), labelled(policy.LabelAllowToEtcd, "true")))
		}
	}

	stays := map[string]string{"etcd.cozystack.io/tenant-foo": ""}
	foo := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-foo", Labels: stays}}
	bar := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-foo-bar", Labels: stays}}
	known := 0

	for runs := 0; runs < 1<<8; runs += 5 { // every fifth tree: each bit is set and not, beside each other one
		all := treeOfFoo(runs)
		operator := fake.NewClientset(append(pods, foo, bar)...)
		user := userOfFoo(pods...)
		objects := dynamicWith(etcdsThere(runs)...)

		for i := range pods {
			from, to := pods[i].(*corev1.Pod), pods[(i*7+runs)%len(pods)].(*corev1.Pod)
			ends := [2]types.NamespacedName{{Namespace: from.Namespace, Name: from.Name}, {Namespace: to.Namespace, Name: to.Name}}
			port := &admin.Port{Protocol: corev1.ProtocolTCP, Number: []uint16{80, 443, 2379, 2380, 2381, 8333}[(i+runs/3)%6]}
			truth, err := admin.Explain(t.Context(), operator, objects, admin.Seen{Tenants: all}, ends[0], ends[1], port)
			require.NoError(t, err)
			told, err := admin.Explain(t.Context(), user, objects, admin.Seen{Tenants: all[2:], Below: "tenant-foo"}, ends[0], ends[1], port)
			require.NoError(t, err)

			want, got := truth.Flows[0], told.Flows[0]
			if got.Allowed == nil {
				require.Equal(t, policy.PartEtcd, to.Labels[policy.LabelService], "%v at %s", ends, port)
				require.Zero(t, got.Row)

				continue
			}

			known++

			require.Equal(t, *want.Allowed, *got.Allowed, "%v at %s, trees %b: %+v", ends, port, runs, got)
			require.Subset(t, want.Leaves.Rules, got.Leaves.Rules)
			require.Subset(t, want.Enters.Rules, got.Enters.Rules)

			require.Equal(t, want.Row, got.Row, "%v at %s", ends, port)
		}
	}

	require.Greater(t, known, 800)
}

// etcdsThere are the etcds of foo and bar: where treeOfFoo runs them, and now and then where it does not any more.
func etcdsThere(runs int) []runtime.Object {
	var all []runtime.Object

	for i, namespace := range []string{"tenant-foo", "tenant-foo-bar"} {
		if runs&(1<<(4*i)) != 0 || runs%(3+i) == 0 {
			all = append(all, an("apps.cozystack.io/v1alpha1", "Etcd", namespace, "etcd"))
		}
	}

	return all
}

// treeOfFoo is root, foo and bar, each of which runs services as the bits say: foo by the first four, bar by the others.
func treeOfFoo(runs int) []v1alpha1.Tenant {
	tenants := family()[:3]
	own := func(namespace string, bit int, above v1alpha1.TenantService) v1alpha1.TenantService {
		if runs&(1<<bit) != 0 {
			return v1alpha1.TenantService{Source: "own", Namespace: namespace}
		}

		return v1alpha1.TenantService{Source: "inherited", Namespace: above.Namespace}
	}
	root := v1alpha1.TenantService{Source: "own", Namespace: "tenant-root"}
	services := [3]*v1alpha1.TenantServices{{Etcd: root, Monitoring: root, Ingress: root, SeaweedFS: root}}

	for i, namespace := range []string{"tenant-foo", "tenant-foo-bar"} {
		above := services[i]
		services[i+1] = &v1alpha1.TenantServices{
			Etcd: own(namespace, 4*i, above.Etcd), Monitoring: own(namespace, 4*i+1, above.Monitoring),
			Ingress: own(namespace, 4*i+2, above.Ingress), SeaweedFS: own(namespace, 4*i+3, above.SeaweedFS),
		}
	}

	for i := range tenants {
		tenants[i].Status.Services = services[i]
	}

	return tenants
}

func TestUsersOfATenantLearnWhatTheyMaySee(t *testing.T) {
	user := userOfFoo(aPod("tenant-foo", "web"), aPod("tenant-foo", "let", labelled(policy.LabelAllowToEtcd, "true")),
		aPod("tenant-foo", "etcd", labelled(policy.LabelService, policy.PartEtcd)), aPod("tenant-foo-bar", "web"),
		aPod("tenant-foo-bar", "let", labelled(policy.LabelAllowToEtcd, "true")))
	seen := admin.Seen{Tenants: family()[2:], Below: "tenant-foo"}
	port := &admin.Port{Protocol: corev1.ProtocolTCP, Number: 2379}
	yes, no := true, false

	for _, tc := range []struct {
		from, to string
		allowed  *bool
		row      int
		why      string
	}{
		{"tenant-foo/web", "tenant-foo/let", &yes, 6, "both are of tenant-foo"},
		{"tenant-foo/web", "tenant-foo-bar/web", &yes, 7, "an ancestor of tenant-foo-bar"},
		{"tenant-foo-bar/web", "tenant-foo/web", &no, 9, "no ancestor of tenant-foo"},
		{"tenant-foo/web", "tenant-foo/etcd", &no, 5, "etcd is closed"},
		{"tenant-foo/let", "tenant-foo/etcd", nil, 0, "it depends on which cluster services tenant-foo runs"},
		{"tenant-foo-bar/let", "tenant-foo/etcd", nil, 0, "where an application of tenant-foo-bar stays on the etcd of tenant-foo"},
	} {
		from, err := admin.ParsePod(tc.from)
		require.NoError(t, err)
		to, err := admin.ParsePod(tc.to)
		require.NoError(t, err)
		explained, err := admin.Explain(t.Context(), user, dynamicWith(), seen, from, to, port)
		require.NoError(t, err)

		got := explained.Flows[0]
		require.Equal(t, []any{tc.allowed, tc.row}, []any{got.Allowed, got.Row}, "%s to %s", tc.from, tc.to)
		require.Contains(t, got.Why, tc.why)
		require.Contains(t, explained.Notes[len(explained.Notes)-1], "the Tenant of tenant-foo is in the namespace of the tenant above")
	}
}
