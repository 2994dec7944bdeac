// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/lab/plane"
	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// databaseSchema has each thing that a schema can hold and that becomes something else in a CRD.
const databaseSchema = `{
	"type": "object",
	"properties": {
		"_tenant": {"type": "object"},
		"replicas": {"type": "integer", "minimum": 1, "default": 2},
		"size": {"$ref": "#/definitions/quantity", "default": "1Gi"},
		"class": {"type": ["string", "null"]},
		"mode": {"enum": ["full", "thin", null]},
		"users": {"type": "object", "additionalProperties": {"type": "object", "properties": {"admin": {"type": "boolean"}}}},
		"parameters": {"type": "object"},
		"anything": {},
		"hosts": {"type": "array", "items": {"type": "string", "format": "ipv4"}}
	},
	"required": ["size"],
	"definitions": {"quantity": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true}}
}`

func database() *definition.ApplicationDefinition {
	return &definition.ApplicationDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "database"},
		Spec: definition.ApplicationDefinitionSpec{
			Application: definition.ApplicationKind{Kind: "Database", Singular: "database", Plural: "databases"},
			Release:     definition.Release{Prefix: "database-", Chart: definition.Chart{Name: "database"}},
			Needs:       []string{"etcd"},
		},
	}
}

// kinds is a plane with Flux, on which the kind of database was published. The parts share it.
type kinds struct {
	client client.Client
	config *rest.Config
}

// What package application makes is judged by the API server and by Flux themselves.
func TestKindsOfApplications(t *testing.T) {
	p := plane.Start(t)

	scheme := runtime.NewScheme()
	require.NoError(t, corev1.AddToScheme(scheme))
	require.NoError(t, apiextensionsv1.AddToScheme(scheme))

	made, err := client.New(p.RESTConfig(), client.Options{Scheme: scheme})
	require.NoError(t, err)

	k := &kinds{config: p.RESTConfig(), client: client.WithFieldValidation(made, metav1.FieldValidationStrict)}
	for _, name := range []string{"tenant-alpha", systemNamespace} {
		require.NoError(t, k.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	}

	ok := t.Run("the CRD is established, and stays as it was made", k.isEstablished) &&
		t.Run("objects keep what the user set and no more", k.objectsKeepWhatIsSet) &&
		t.Run("bad objects are refused in plain words", k.badObjectsAreRefused) &&
		t.Run("unknown keys are never stored", k.unknownKeysAreNeverStored) &&
		t.Run("Flux takes the release, and the status tells what it says", k.fluxTakesTheRelease)
	require.True(t, ok, "the parts after the failed one were not run")
}

func (k *kinds) isEstablished(t *testing.T) {
	spec, err := application.Schema([]byte(databaseSchema))
	require.NoError(t, err)

	crd, err := application.CRD(database(), spec)
	require.NoError(t, err)

	created := crd.DeepCopy()
	require.NoError(t, k.client.Create(t.Context(), created))
	require.True(t, equality.Semantic.DeepDerivative(crd.Spec, created.Spec), "the server wrote something else")

	k.await(t, func() error {
		if err := k.client.Get(t.Context(), client.ObjectKeyFromObject(crd), created); err != nil {
			return err
		}

		for _, condition := range created.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return nil
			}
		}

		return fmt.Errorf("not established: %v", created.Status.Conditions)
	})
}

func databaseNamed(name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Database",
		"metadata": map[string]any{"name": name, "namespace": "tenant-alpha"}, "spec": spec,
	}}
}

func (k *kinds) objectsKeepWhatIsSet(t *testing.T) {
	for name, spec := range map[string]map[string]any{
		"empty": {},
		"null":  {"class": nil, "mode": nil, "anything": nil},
		"full": {
			"replicas": int64(3), "size": int64(5), "class": "fast", "mode": "thin", "users": map[string]any{"u": map[string]any{"admin": true}},
			"parameters": map[string]any{"a": map[string]any{"b": int64(1)}}, "anything": []any{"x", int64(1)}, "hosts": []any{"10.0.0.1"},
		},
	} {
		object := databaseNamed(name, runtime.DeepCopyJSON(spec))
		// A kind is served a moment after it is established.
		k.await(t, func() error { return k.client.Create(t.Context(), object) })
		require.Equal(t, spec, object.Object["spec"], name)
	}
}

func (k *kinds) badObjectsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		spec map[string]any
		want string
	}{
		{strings.Repeat("a", 45), nil, "its Helm release database-" + strings.Repeat("a", 45) + " would have 54 characters, at most 53 are allowed"},
		{"a.b", nil, "metadata.name: a name is made of lower-case letters, digits and inner dashes"},
		{"bad", map[string]any{"unknown": "x"}, `unknown field "spec.unknown"`},
		{"bad", map[string]any{"_tenant": map[string]any{}}, `unknown field "spec._tenant"`},
		{"bad", map[string]any{"replicas": "x"}, "spec.replicas"},
		{"bad", map[string]any{"replicas": int64(0)}, "spec.replicas"},
		{"bad", map[string]any{"mode": "other"}, "spec.mode"},
		{"bad", map[string]any{"hosts": []any{"x"}}, "spec.hosts[0]"},
	} {
		require.ErrorContains(t, k.client.Create(t.Context(), databaseNamed(c.name, c.spec)), c.want)
	}
}

func (k *kinds) fluxTakesTheRelease(t *testing.T) {
	resolved := tenant.Resolved{Namespace: "tenant-alpha", Host: "alpha.example.org"}
	resolved.Tenant.Name = "alpha"
	resolved.Services[tenant.Etcd] = tenant.Provision{Source: tenant.Own, Namespace: "tenant-alpha"}

	o := application.Object{
		Resource: databaseNamed("full", nil), Definition: database(), Tenant: resolved,
		Platform: application.Platform{ClusterDomain: "cozy.local", ChartVersions: map[string]string{"database": "1.0.0+abc"}, CPURatio: 2.5},
	}
	require.NoError(t, k.client.Get(t.Context(), client.ObjectKeyFromObject(o.Resource), o.Resource))

	wanted, err := o.MakeRelease()
	require.NoError(t, err)

	o.Release = wanted.DeepCopy()
	require.NoError(t, k.client.Create(t.Context(), o.Release))
	require.True(t, equality.Semantic.DeepDerivative(wanted.Object, o.Release.Object), "the server wrote something else")

	seen := application.Seen{IsReady: func(application.Provider) bool { return true }, Now: time.Now()}
	require.Equal(t, application.ReasonProgressing, o.MakeStatus(seen).Conditions[0].Reason)

	// There is no such chart here. What Flux says of it is what it says on a real cluster.
	k.await(t, func() error {
		if err := k.client.Get(t.Context(), client.ObjectKeyFromObject(wanted), o.Release); err != nil {
			return err
		}

		if ready := o.MakeStatus(seen).Conditions[0]; ready.Reason != application.ReasonChartMissing {
			return fmt.Errorf("%+v, of %v", ready, o.Release.Object["status"])
		}

		return nil
	})

	status := o.MakeStatus(seen)
	require.Equal(t, "database-full", status.Release)

	raw, err := json.Marshal(status)
	require.NoError(t, err)

	var content map[string]any
	require.NoError(t, json.Unmarshal(raw, &content))

	o.Resource.Object["status"] = content
	require.NoError(t, k.client.Status().Update(t.Context(), o.Resource), "each field of the status has a schema")

	again, err := json.Marshal(o.MakeStatus(application.Seen{IsReady: seen.IsReady, Now: seen.Now.Add(time.Hour)}))
	require.NoError(t, err)
	require.JSONEq(t, string(raw), string(again), "nothing changed, so nothing is to be written")
}

// await tries until there is no error, and tells the last one.
func (k *kinds) await(t *testing.T, try func() error) {
	t.Helper()

	err := try()
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); err = try() {
		time.Sleep(100 * time.Millisecond)
	}

	require.NoError(t, err)
}
