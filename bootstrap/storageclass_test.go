// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

func TestTheStorageClassOfTheSiteFileHasToBeThere(t *testing.T) {
	class := func(name string) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	with := func(name string) *bringup {
		return &bringup{plan: &bundles.Plan{}, site: &site.Site{Storage: &site.Storage{Class: name}}}
	}
	client := &kube.Client{Typed: fake.NewClientset(class("slow"), class("fast"))}
	require.NoError(t, with("fast").assertStorageClass(t.Context(), client))
	require.NoError(t, with("").assertStorageClass(t.Context(), client))
	require.NoError(t, (&bringup{plan: &bundles.Plan{}, site: &site.Site{}}).assertStorageClass(t.Context(), client))

	_, err := with("fats").storageClassSteps(t.Context(), client)
	missing := &StorageClassError{}
	require.ErrorAs(t, err, &missing)
	require.EqualError(t, err, `storage.class: "fats": the cluster has no such storage class; it has: fast, slow`)
	require.Contains(t, missing.Hint(), "name one of these")
	err = with("fats").assertStorageClass(t.Context(), &kube.Client{Typed: fake.NewClientset()})
	require.EqualError(t, err, `storage.class: "fats": the cluster has no such storage class; it has none`)
}

func TestAPreviewOfAClusterThatDoesNotAnswerSaysSo(t *testing.T) {
	dead := fake.NewClientset()
	dead.PrependReactor("list", "storageclasses", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
	b := &bringup{plan: &bundles.Plan{}, site: &site.Site{Storage: &site.Storage{Class: "fast"}}}
	steps, err := b.storageClassSteps(t.Context(), &kube.Client{Typed: dead})
	require.NoError(t, err)
	require.Equal(t, []string{"whether the cluster has the storage classes that volumes need can't be told: list storage classes: connection refused"}, steps)
}

func TestVolumesOfTheDefaultClassNeedOne(t *testing.T) {
	class := func(name, isDefault string) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": isDefault},
		}}
	}
	without := strings.Replace(hostedText, "storage: {class: fast}", "", 1)
	own := strings.Replace(without, "monitoring-agents]", "monitoring-agents], values: {monitoring-agents: {storage: {storageClass: own}}}", 1)
	for name, test := range map[string]struct {
		text    string
		classes []runtime.Object
		want    string
		hint    string
	}{
		"a default":    {without, []runtime.Object{class("slow", "false"), class("fast", "true")}, "", ""},
		"no default":   {without, []runtime.Object{class("slow", "false"), class("fast", "")}, "volumes of monitoring-agents would wait for ever: the cluster has no default storage class; it has: fast, slow", "kubectl annotate storageclass fast "},
		"nothing":      {without, nil, "volumes of monitoring-agents would wait for ever: the cluster has no default storage class; it has none", "install storage"},
		"named":        {hostedText, []runtime.Object{class("fast", "false")}, "", ""},
		"named twice":  {own, []runtime.Object{class("own", "false")}, "", ""},
		"not there":    {own, []runtime.Object{class("fast", "true")}, `packages.values.monitoring-agents.storage.storageClass: "own": the cluster has no such storage class; it has: fast`, "name one"},
		"no volumes":   {strings.Replace(without, "packages: {enable: [victoria-metrics-operator, monitoring-agents]}", "", 1), nil, "", ""},
		"kept by root": {strings.NewReplacer("distro-hosted", "paas-hosted", "packages: {enable: [victoria-metrics-operator, monitoring-agents]}", "exposure: {hostPort: true}").Replace(without), nil, "", ""},
	} {
		s, err := site.Parse("site.yaml", []byte(test.text))
		require.NoError(t, err, name)
		b := &bringup{plan: planOf(t, test.text), site: s}
		_, err = b.storageClassSteps(t.Context(), &kube.Client{Typed: fake.NewClientset(test.classes...)})
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.EqualError(t, err, test.want, name)
		hinting := interface{ Hint() string }(nil)
		require.ErrorAs(t, err, &hinting, name)
		require.Contains(t, hinting.Hint(), test.hint, name)
	}
}
