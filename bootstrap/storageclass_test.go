// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
)

func TestTheStorageClassOfTheSiteFileHasToBeThere(t *testing.T) {
	class := func(name string) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	with := func(name string) *bringup { return &bringup{site: &site.Site{Storage: &site.Storage{Class: name}}} }
	client := &kube.Client{Typed: fake.NewClientset(class("slow"), class("fast"))}
	require.NoError(t, with("fast").assertStorageClass(t.Context(), client))
	require.NoError(t, with("").assertStorageClass(t.Context(), client))
	require.NoError(t, (&bringup{site: &site.Site{}}).assertStorageClass(t.Context(), client))

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
	b := &bringup{site: &site.Site{Storage: &site.Storage{Class: "fast"}}}
	steps, err := b.storageClassSteps(t.Context(), &kube.Client{Typed: dead})
	require.NoError(t, err)
	require.Equal(t, []string{"whether the cluster has the storage class of storage.class can't be told: list storage classes: connection refused"}, steps)
}
