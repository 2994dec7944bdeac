// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestAChartRepositoryThatCanNotBeReadIsNamed(t *testing.T) {
	notFetched := "failed to fetch http://192.0.2.1/index.yaml : 404 Not Found"
	unread := FailingObject{Kind: "HelmRepository", Namespace: ChartsNamespace, Name: "repository-1", Why: notFetched}
	for name, test := range map[string]struct {
		reason, inRepository string
		read                 metav1.ConditionStatus // whether the repository was
		want                 finding
	}{
		"not read":         {"SourceNotReady", "repository-1", metav1.ConditionFalse, finding{known: true, object: unread}},
		"read":             {"SourceNotReady", "repository-1", metav1.ConditionTrue, finding{known: true}},
		"not there":        {"SourceNotReady", "repository-2", metav1.ConditionFalse, finding{known: true}},
		"not what it is":   {helmv2.InstallFailedReason, "repository-1", metav1.ConditionFalse, finding{known: true}},
		"Flux looks again": {meta.ProgressingReason, "repository-1", metav1.ConditionFalse, finding{known: true, object: unread}},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newFakeCluster(t, ready)
			release := &helmv2.HelmRelease{
				TypeMeta:   metav1.TypeMeta{APIVersion: helmv2.GroupVersion.String(), Kind: helmv2.HelmReleaseKind},
				ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "cozy-a"},
			}
			release.Spec.Chart = &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{SourceRef: helmv2.CrossNamespaceObjectReference{
				Kind: sourcev1.HelmRepositoryKind, Name: test.inRepository, Namespace: ChartsNamespace,
			}}}
			condition(release, meta.ReadyCondition, metav1.ConditionFalse, test.reason, "HelmChart is not ready: no artifact available")
			repository := &sourcev1.HelmRepository{
				TypeMeta:   metav1.TypeMeta{APIVersion: sourcev1.GroupVersion.String(), Kind: sourcev1.HelmRepositoryKind},
				ObjectMeta: metav1.ObjectMeta{Name: "repository-1", Namespace: ChartsNamespace},
			}
			repository.Status.Conditions = []metav1.Condition{{Type: meta.ReadyCondition, Status: test.read, Message: notFetched}}
			for _, object := range []runtime.Object{release, repository} {
				content, err := toApply(object)
				require.NoError(t, err)
				status, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
				require.NoError(t, err)
				content.Object["status"] = status["status"]
				require.NoError(t, cluster.client.Tracker().Add(content))
			}

			i := &inspector{helm: newMemoryHelm(t).Helm, dynamic: cluster.client}
			require.Equal(t, test.want, i.ask(t.Context(), suspect{Package: Package{Name: "a", Namespace: "cozy-a", Release: "a"}}).withoutName())
		})
	}
}

func (f finding) withoutName() finding {
	f.name = ""
	return f
}
