// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestAFieldOfSomebodyElseIsNotTakenAndSaysWhatToDecide(t *testing.T) {
	gvr := schema.GroupVersionResource{Group: "apps.cozystack.io", Version: "v1alpha1", Resource: "tenants"}
	client := fake.NewSimpleDynamicClient(runtime.NewScheme())
	answer := error(apierrors.NewConflict(gvr.GroupResource(), "root", errors.New(`conflict with "kubectl": .spec.host`)))
	client.PrependReactor("patch", "tenants", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, answer })
	root := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant",
		"metadata": map[string]any{"name": "root", "namespace": "tenant-root"},
	}}
	apply := func() error { return (&Client{Dynamic: client}).Apply(t.Context(), gvr, root) }

	var taken *TakenError
	err := apply()
	require.ErrorAs(t, err, &taken)
	require.ErrorContains(t, err, "apply tenants tenant-root/root: ")
	require.ErrorContains(t, err, ".spec.host")
	require.Contains(t, taken.Hint(), "kubectl edit tenants root -n tenant-root")

	answer = apierrors.NewServiceUnavailable("later")
	require.NotErrorAs(t, apply(), &taken, "waiting cures that")
}
