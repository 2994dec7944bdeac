// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
)

func TestANamespaceIsPrivilegedOnlyAsLongAsAPackageNeedsIt(t *testing.T) {
	client := fake.NewClientset()
	before := planOf(t, "z", pkg("z"), pkg("a", "privileged: true"), pkg("b", "privileged: true"), pkg("c", "privileged: true"), pkg("d", "privileged: true"))
	require.NoError(t, applyNamespaces(t.Context(), client, before, "cozy-a", "cozy-b", "cozy-c", "cozy-d"))
	_, err := client.CoreV1().Namespaces().Apply(t.Context(),
		applycore.Namespace("cozy-d").WithLabels(map[string]string{podSecurity + "enforce": "privileged"}), metav1.ApplyOptions{FieldManager: "somebody"})
	require.NoError(t, err)
	_, err = client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "theirs", Labels: map[string]string{podSecurity + "enforce": "privileged"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	catalog := load(t, tree(set("z", "z", "b"), pkg("z"), pkg("b", "privileged: true")))
	cluster := &Cluster{clients: clients{kube: client}, catalog: catalog}
	after := planOf(t, "z", pkg("z"), pkg("a")) // not privileged any more; b is kept for its data; c and d are gone
	kept := []Installed{{Name: "b", Namespace: "cozy-b", release: &helmv2.HelmRelease{}}}
	require.NoError(t, cluster.lowerNamespaces(t.Context(), after, kept))
	for name, want := range map[string]string{"cozy-a": "", "cozy-b": "privileged", "cozy-c": "", "cozy-d": "privileged", "theirs": "privileged"} {
		namespace, err := client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, want, namespace.Labels[podSecurity+"enforce"], name)
	}
	namespace, err := client.CoreV1().Namespaces().Get(t.Context(), "cozy-a", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "true", namespace.Labels[systemLabel])
}

func TestRepositoriesThatAnybodyUsesStay(t *testing.T) {
	repository := func(name string, labels map[string]string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{
			TypeMeta:   metav1.TypeMeta{APIVersion: sourcev1.GroupVersion.String(), Kind: sourcev1.HelmRepositoryKind},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ChartsNamespace, Labels: labels},
		}
	}
	ours := map[string]string{managedBy: fieldManager}
	scheme := metadatafake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	names := metadatafake.NewSimpleMetadataClient(scheme, repository("used", ours), repository("unused", ours), repository("theirs", nil))
	flux := newFakeCluster(t, ready)
	theirs := &helmv2.HelmRelease{
		TypeMeta:   metav1.TypeMeta{APIVersion: helmv2.GroupVersion.String(), Kind: helmv2.HelmReleaseKind},
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "apps"},
		Spec: helmv2.HelmReleaseSpec{Chart: &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{
			Chart: "x", SourceRef: helmv2.CrossNamespaceObjectReference{Kind: sourcev1.HelmRepositoryKind, Name: "used", Namespace: ChartsNamespace},
		}}},
	}
	object, err := toApply(theirs)
	require.NoError(t, err)
	require.NoError(t, flux.client.Tracker().Create(releases(), object, "apps"))

	cluster := &Cluster{clients: clients{kube: fake.NewClientset(), dynamic: flux.client, names: names}}
	require.NoError(t, cluster.pruneCharts(t.Context(), planOf(t, "z", pkg("z"))))
	left, err := listMetadata(t.Context(), names, repositories(), ChartsNamespace, "")
	require.NoError(t, err)
	var stay []string
	for _, one := range left {
		stay = append(stay, one.Name)
	}
	require.ElementsMatch(t, []string{"used", "theirs"}, stay)
}
