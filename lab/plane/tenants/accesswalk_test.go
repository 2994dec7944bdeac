// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// atOnce is how many questions the API server is asked at a time.
const atOnce = 8

// place is a namespace, and those of tenants that it is in: itself and its ancestors.
type place struct {
	namespace string
	within    []string
}

// places are a line of four tenants, a tenant beside it at each of two depths, and what belongs to no tenant.
func places() []place {
	return []place{
		{"tenant-root", []string{"tenant-root"}},
		{"tenant-alpha", []string{"tenant-root", "tenant-alpha"}},
		{"tenant-alpha-beta", []string{"tenant-root", "tenant-alpha", "tenant-alpha-beta"}},
		{"tenant-alpha-beta-gamma", []string{"tenant-root", "tenant-alpha", "tenant-alpha-beta", "tenant-alpha-beta-gamma"}},
		{"tenant-beside", []string{"tenant-root", "tenant-beside"}},
		{"tenant-alpha-beside", []string{"tenant-root", "tenant-alpha", "tenant-alpha-beside"}},
		{systemNamespace, nil},
		{metav1.NamespaceSystem, nil},
		{metav1.NamespaceDefault, nil},
	}
}

func (w *world) levelsReachDown(t *testing.T) {
	for _, one := range [][2]string{{"tenant-root", "beside"}, {"tenant-alpha", "beside"}, {"tenant-alpha", "beta"}, {"tenant-alpha-beta", "gamma"}} {
		w.create(t, one[0], one[1], v1alpha1.TenantSpec{})
		w.awaitReady(t, one[0], one[1])
	}

	table := tableOf(t, accessTable())

	// The roles are sums that a controller of Kubernetes makes.
	w.await(t, func() bool {
		return w.may(t, "tenant-root-view", authorizationv1.ResourceAttributes{
			Namespace: "tenant-alpha-beta-gamma", Verb: "list", Group: "kubevirt.io", Resource: "virtualmachines",
		})
	}, func() string { return "the root's levels reach nothing at depth three" })

	t.Run("each verb on each resource, by each level", func(t *testing.T) { w.walkTable(t, table) })
	t.Run("everything that each level of each tenant has in each place", func(t *testing.T) { w.walkPlaces(t, table) })
}

// walkTable asks for each row of the table what each level of tenant alpha may, in itself, two below, beside and above.
func (w *world) walkTable(t *testing.T, table map[asked]int) {
	t.Helper()

	reviews := w.hastyClientset(t, rest.ImpersonationConfig{}).AuthorizationV1().SubjectAccessReviews()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(atOnce)

	for one, lowest := range table {
		for held, level := range tenant.Levels() {
			for namespace, reaches := range map[string]bool{
				"tenant-alpha": true, "tenant-alpha-beta-gamma": true, "tenant-beside": false, "tenant-root": false,
			} {
				group.Go(func() error {
					resource, subresource, _ := strings.Cut(one.resource, "/")

					review, err := reviews.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
						User: "somebody", Groups: []string{tenant.Group("tenant-alpha", level), "system:authenticated"},
						ResourceAttributes: &authorizationv1.ResourceAttributes{
							Namespace: namespace, Verb: one.verb, Group: one.group, Resource: resource, Subresource: subresource, Name: one.name,
						},
					}}, metav1.CreateOptions{})
					if expected := reaches && lowest >= 0 && held >= lowest; err == nil && review.Status.Allowed != expected {
						err = fmt.Errorf("%s of tenant-alpha, in %s: %s: allowed is %t", level, namespace, one, review.Status.Allowed)
					}

					return err
				})
			}
		}
	}

	require.NoError(t, group.Wait())
}

// walkPlaces asks for all that each level of each tenant has in each place: the rows of the table and nothing else, or nothing
// at all. What a role gives and the table does not know is found here, and so is what somebody has in the whole cluster.
func (w *world) walkPlaces(t *testing.T, table map[asked]int) {
	t.Helper()

	own := w.has(t, rest.ImpersonationConfig{UserName: "somebody", Groups: []string{"system:serviceaccounts", "system:authenticated"}})
	everybodys, err := own(t.Context(), metav1.NamespaceDefault)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(sets.List(everybodys), "\n"), "cozystack")

	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(atOnce)

	look := func(has func(context.Context, string) (sets.Set[string], error), who, namespace string, expected sets.Set[string]) {
		group.Go(func() error {
			found, err := has(ctx, namespace)
			if err != nil {
				return err
			}

			if found = found.Difference(everybodys); !found.Equal(expected) {
				return fmt.Errorf("%s in %s has what the table does not give it:\n%s\nand lacks:\n%s", who, namespace,
					strings.Join(sets.List(found.Difference(expected)), "\n"), strings.Join(sets.List(expected.Difference(found)), "\n"))
			}

			return nil
		})
	}

	for _, holder := range places() {
		if holder.within == nil {
			continue
		}

		for held, level := range tenant.Levels() {
			who := tenant.Group(holder.namespace, level)
			has := w.has(t, rest.ImpersonationConfig{UserName: "somebody", Groups: []string{who, "system:authenticated"}})

			for _, there := range places() {
				expected := sets.New[string]()
				if slices.Contains(there.within, holder.namespace) {
					expected = upTo(table, held)
				}

				look(has, who, there.namespace, expected)
			}
		}

		// What releases applications has nothing outside of its own tenant.
		who := "system:serviceaccount:" + holder.namespace + ":" + tenant.ReleaseAccount
		has := w.has(t, rest.ImpersonationConfig{UserName: who, Groups: []string{"system:serviceaccounts", "system:authenticated"}})

		for _, there := range places() {
			if there.namespace != holder.namespace {
				look(has, who, there.namespace, sets.New[string]())
			}
		}
	}

	require.NoError(t, group.Wait())
}

// upTo is what a level has, those below it included.
func upTo(table map[asked]int, level int) sets.Set[string] {
	all := sets.New[string]()

	for one, lowest := range table {
		if lowest >= 0 && lowest <= level {
			all.Insert(one.String())
		}
	}

	return all
}

// has asks the API server for all the rights that somebody has in a namespace, those in the whole cluster among them.
func (w *world) has(t *testing.T, who rest.ImpersonationConfig) func(context.Context, string) (sets.Set[string], error) {
	t.Helper()

	reviews := w.hastyClientset(t, who).AuthorizationV1().SelfSubjectRulesReviews()

	return func(ctx context.Context, namespace string) (sets.Set[string], error) {
		review, err := reviews.Create(ctx, &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
		}, metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}

		// The authorizer of nodes is the one beside RBAC, and gives rights to nodes only.
		if said := review.Status.EvaluationError; said != "" && said != "node authorizer does not support user rule resolution" {
			return nil, fmt.Errorf("rights of %s in %s: %s", who.UserName, namespace, review.Status.EvaluationError)
		}

		all := sets.New[string]()

		for _, rule := range review.Status.ResourceRules {
			for _, one := range askedBy(rule) {
				all.Insert(one.String())
			}
		}

		for _, rule := range review.Status.NonResourceRules {
			all.Insert(fmt.Sprint(rule.Verbs, rule.NonResourceURLs))
		}

		return all, nil
	}
}

func askedBy(rule authorizationv1.ResourceRule) (all []asked) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}

	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				for _, name := range names {
					all = append(all, asked{verb, group, resource, name})
				}
			}
		}
	}

	return all
}

// hastyClientset is one that does not hold itself back, as somebody else where that is asked for.
func (w *world) hastyClientset(t *testing.T, as rest.ImpersonationConfig) kubernetes.Interface {
	t.Helper()

	config := rest.CopyConfig(w.plane.RESTConfig())
	config.QPS, config.Impersonate = -1, as

	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)

	return client
}
