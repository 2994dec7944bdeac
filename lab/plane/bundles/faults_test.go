// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admission "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/plane"
)

// What goes wrong with packages of distro-full, all at the same time. Everything else must become ready all the same.
const (
	refused    = "postgres-operator" // Kubernetes takes its Service only when somebody has made a namespace
	neverReady = "mariadb-operator"  // its program can run only on a node that somebody has given a label
	thirdTry   = "etcd-operator"     // two attempts fail for no reason that anybody could mend
	vetoed     = "linstor"           // a policy of the cluster refuses its LinstorCluster. It holds data
)

// claim is data of a release. Helm makes it before it gets to any Service.
const claim = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data-of-{{ .Release.Name }}}
spec: {storageClassName: ` + plane.StorageClass + `, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
`

func serviceIn(namespace string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: '{{ .Release.Name }}-extra', namespace: " + namespace +
		"}\nspec: {clusterIP: None, ports: [{port: 80}]}\n"
}

// faultyCharts are changes of stand-ins.
func faultyCharts() map[string]map[string]string {
	return map[string]map[string]string{
		refused:  {"templates/more.yaml": claim + serviceIn(elsewhere)},
		thirdTry: {"templates/more.yaml": claim + "{{ if lt (int .Release.Revision) 3 }}\n" + serviceIn("cozy-nowhere") + "{{ end }}\n"},
		neverReady: {"templates/more.yaml": claim + `
apiVersion: apps/v1
kind: Deployment
metadata: {name: picky}
spec:
  selector: {matchLabels: {app: picky}}
  template:
    metadata: {labels: {app: picky}}
    spec: {nodeSelector: {example.org/picky: "true"}, containers: [{name: main, image: none}]}
`},
	}
}

func TestPackagesThatFailAreNamedAndHoldUpOnlyWhatNeedsThem(t *testing.T) {
	w := newWorld(t)
	plan := w.faultyPlan(t)
	w.standIn(t, plan, faultyCharts())
	w.veto(t)
	guard := w.watchOver(t)
	w.installCore(t, plan)

	ok := t.Run("culprits are named, all others are ready", func(t *testing.T) { w.culpritsAreNamed(t, plan) }) &&
		t.Run("converges when they are mended", func(t *testing.T) { w.mendedClusterConverges(t, plan) })
	require.True(t, ok, "the parts after the failed one were not run")
	guard.requireNothingGone(t)
}

// faultyPlan is distro-full with some operators.
func (w *world) faultyPlan(t *testing.T) *bundles.Plan {
	t.Helper()
	plan, err := bundles.Resolve(w.shelf.catalog, "distro-full", bundles.Choices{
		Charts: w.shelf.charts, Facts: siteFacts(), Enable: []string{refused, "postgres-barman-cloud", neverReady, thirdTry},
	})
	require.NoError(t, err)
	for i := range plan.Packages {
		if plan.Packages[i].Name == neverReady {
			plan.Packages[i].Health.Timeout = metav1.Duration{Duration: 10 * time.Second} // nobody waits ten minutes here
		}
		if plan.Packages[i].Name == vetoed {
			require.True(t, plan.Packages[i].Stateful)
		}
	}
	return plan
}

func (w *world) culpritsAreNamed(t *testing.T, plan *bundles.Plan) {
	t.Helper()
	causes := map[string]string{
		refused:    `namespaces "` + elsewhere + `" not found`,
		neverReady: "context deadline exceeded",
		vetoed:     "the owner of this cluster says no",
	}
	waiting := dependents(plan, slices.Collect(maps.Keys(causes))...)
	require.Subset(t, waiting, []string{"postgres-barman-cloud", "storage-classes", "linstor-scheduler"})
	heard := &reports{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	ctx, enough := context.WithCancelCause(ctx)
	err := w.flux(t).Install(ctx, plan, func(s bundles.PackageStatus) {
		heard.hear(s)
		for _, p := range plan.Packages[len(plan.Core):] {
			want := bundles.StateReady
			if causes[p.Name] != "" {
				want = bundles.StateFailed
			}
			if !slices.Contains(waiting, p.Name) && heard.last(p.Name).State != want {
				return
			}
		}
		enough(errEnough)
	})
	require.ErrorIs(t, err, errEnough)
	var unfinished *bundles.UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.ElementsMatch(t, waiting, unfinished.Waiting)
	named := map[string]string{}
	for _, one := range unfinished.Culprits {
		require.Equal(t, bundles.StateFailed, one.State, one.Name)
		named[one.Name] = one.Message
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(causes)), slices.Collect(maps.Keys(named)))
	for name, cause := range causes {
		require.Contains(t, named[name], cause, name)
	}
	third := packageOf(plan, thirdTry)
	revisions := w.history(t, third.Namespace, third.Release)
	require.Equal(t, "deployed", revisions[3], "%v", revisions)
	require.Len(t, revisions, 3)
}

func (w *world) mendedClusterConverges(t *testing.T, plan *bundles.Plan) {
	t.Helper()
	data := w.claims(t)
	require.Len(t, data, 3, "%v", data)
	_, err := w.kube.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: elsewhere}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = w.kube.CoreV1().Nodes().Patch(t.Context(), "node0", types.MergePatchType,
		[]byte(`{"metadata": {"labels": {"example.org/picky": "true"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.NoError(t, w.kube.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Delete(t.Context(), veto, metav1.DeleteOptions{}))

	w.installRest(t, plan)
	w.requireConverged(t, plan, func(p bundles.Package) int {
		switch p.Name {
		case refused, neverReady, vetoed:
			return 1000 // as often as it was tried
		case thirdTry:
			return 3
		}
		return 1
	})
	require.Equal(t, data, w.claims(t), "what failed attempts made is taken over")
}

const veto = "veto"

// veto makes the API server refuse objects of the kind LinstorCluster.
func (w *world) veto(t *testing.T) {
	t.Helper()
	everything := admission.NamedRuleWithOperations{RuleWithOperations: admission.RuleWithOperations{
		Operations: []admission.OperationType{admission.Create},
		Rule:       admission.Rule{APIGroups: []string{"piraeus.io"}, APIVersions: []string{"*"}, Resources: []string{"linstorclusters"}},
	}}
	registration := w.kube.AdmissionregistrationV1()
	_, err := registration.ValidatingAdmissionPolicies().Create(t.Context(), &admission.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: veto},
		Spec: admission.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admission.MatchResources{ResourceRules: []admission.NamedRuleWithOperations{everything}},
			Validations:      []admission.Validation{{Expression: "false", Message: "the owner of this cluster says no"}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = registration.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admission.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: veto},
		Spec: admission.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: veto, ValidationActions: []admission.ValidationAction{admission.Deny},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// dependents are the packages that can't be ready without the named ones, but not those.
func dependents(plan *bundles.Plan, names ...string) []string {
	var out []string
	for _, p := range plan.Packages { // dependencies come first
		needs := func(name string) bool { return slices.Contains(p.DependsOn, name) }
		if slices.ContainsFunc(names, needs) || slices.ContainsFunc(out, needs) {
			out = append(out, p.Name)
		}
	}
	return out
}

func packageOf(plan *bundles.Plan, name string) bundles.Package {
	return plan.Packages[slices.IndexFunc(plan.Packages, func(p bundles.Package) bool { return p.Name == name })]
}
