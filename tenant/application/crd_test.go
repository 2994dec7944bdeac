// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// postgres is a definition as an operator writes it.
func postgres() *definition.ApplicationDefinition {
	return &definition.ApplicationDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "postgres"},
		Spec: definition.ApplicationDefinitionSpec{
			Application: definition.ApplicationKind{Kind: "Postgres", Singular: "postgres", Plural: "postgreses"},
			Release: definition.Release{
				Prefix: "postgres-", Chart: definition.Chart{Name: "postgres"}, Labels: map[string]string{"team": "data"},
			},
			Needs:       []string{"monitoring"},
			Keeps:       []string{"etcd"},
			Credentials: []definition.Credential{{Secret: "{release}-credentials", Description: "users and passwords of {name}"}},
		},
	}
}

func etcd() *definition.ApplicationDefinition {
	return &definition.ApplicationDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "etcd"},
		Spec: definition.ApplicationDefinitionSpec{
			Application: definition.ApplicationKind{Kind: "Etcd", Singular: "etcd", Plural: "etcds"},
			Release:     definition.Release{Chart: definition.Chart{Name: "etcd"}},
			Service:     "etcd",
			Credentials: []definition.Credential{{Secret: "etcd-client-tls"}},
		},
	}
}

func crdOf(t *testing.T, of *definition.ApplicationDefinition, source string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()

	crd, err := application.CRD(of, schemaOf(t, source))
	require.NoError(t, err)

	return crd
}

func TestCRDsAsRecorded(t *testing.T) {
	for name, of := range map[string]*definition.ApplicationDefinition{"rich": postgres(), "service": etcd()} {
		t.Run(name, func(t *testing.T) {
			source := string(readFile(t, "testdata/"+name+".schema.json"))

			got, err := yaml.Marshal(crdOf(t, of, source))
			require.NoError(t, err)
			golden(t, "testdata/"+name+".crd.yaml", got)

			again, err := yaml.Marshal(crdOf(t, of, source))
			require.NoError(t, err)
			require.Equal(t, string(got), string(again))
		})
	}
}

// structuralOf is the schema of a CRD as the API server keeps it.
func structuralOf(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) *schema.Structural {
	t.Helper()

	var internal apiextensions.JSONSchemaProps
	require.NoError(t, apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &internal, nil))

	structural, err := schema.NewStructural(&internal)
	require.NoError(t, err)
	require.Empty(t, schema.ValidateStructural(nil, structural))

	return structural
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		of         *definition.ApplicationDefinition
		name, want string
	}{
		{postgres(), "db", ""},
		{postgres(), "1-db", ""},
		{postgres(), strings.Repeat("a", 44), ""},
		{postgres(), strings.Repeat("a", 45), "metadata.name: its Helm release postgres-" + strings.Repeat("a", 45) + " would have 54 characters, at most 53 are allowed"},
		{postgres(), "a.b", "metadata.name: a name is made of lower-case letters, digits and inner dashes"},
		{etcd(), "etcd", ""},
		{etcd(), "other", "is called etcd"},
	} {
		t.Run(c.of.Spec.Application.Kind+" "+c.name, func(t *testing.T) {
			structural := structuralOf(t, crdOf(t, c.of, `{"type":"object","properties":{}}`))
			object := map[string]any{
				"apiVersion": "apps.cozystack.io/v1alpha1", "kind": c.of.Spec.Application.Kind, "metadata": map[string]any{"name": c.name},
			}

			errs, _ := cel.NewValidator(structural, true, celconfig.PerCallLimit).
				Validate(t.Context(), field.NewPath(""), structural, object, nil, math.MaxInt64)

			if c.want == "" {
				require.Empty(t, errs)

				return
			}

			require.Len(t, errs, 1)
			require.ErrorContains(t, errs[0], c.want)
		})
	}
}

// The API server refuses a CRD whose rules may cost more: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation.
func TestRulesAreCheap(t *testing.T) {
	const most = 10_000_000

	for _, of := range []*definition.ApplicationDefinition{postgres(), etcd()} {
		structural := structuralOf(t, crdOf(t, of, `{"type":"object","properties":{},
			"x-kubernetes-validations":[{"rule":"self == oldSelf"}]}`))

		results, err := cel.Compile(structural, model.SchemaDeclType(structural, true), celconfig.PerCallLimit,
			environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()), cel.NewExpressionsEnvLoader())
		require.NoError(t, err)
		require.NotEmpty(t, results)

		for _, result := range results {
			require.Nil(t, result.Error)
			require.Nil(t, result.MessageExpressionError)
			require.Less(t, result.MaxCost, uint64(most))
			require.Less(t, result.MessageExpressionMaxCost, uint64(most))
		}
	}
}

func TestASpecIsNeededWhereTheChartAsksForValues(t *testing.T) {
	required := func(source string) []string {
		return crdOf(t, postgres(), source).Spec.Versions[0].Schema.OpenAPIV3Schema.Required
	}

	require.Empty(t, required(`{"properties":{"a":{"type":"string","default":"x"}},"required":["a"]}`))
	require.Equal(t, []string{"spec"}, required(`{"properties":{"a":{"type":"string"}},"required":["a"]}`))
}

// What the controller writes must not be dropped by the API server.
func TestTheStatusHasASchema(t *testing.T) {
	props := crdOf(t, postgres(), `{"properties":{}}`).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]

	status := application.Status{
		ObservedGeneration: 1, Version: "1.0.0", Release: "postgres-db", Services: map[string]string{"etcd": "tenant-root"},
		Credentials: []application.Credential{{Secret: "s", Description: "d"}},
		Conditions: []metav1.Condition{{
			Type: "Ready", Status: metav1.ConditionTrue, Reason: "Ready", Message: "m", ObservedGeneration: 1, LastTransitionTime: metav1.Now(),
		}},
	}
	require.False(t, slices.ContainsFunc(reflect.VisibleFields(reflect.TypeFor[application.Status]()), func(f reflect.StructField) bool {
		return reflect.ValueOf(status).FieldByIndex(f.Index).IsZero()
	}), "a field is not tested")
	require.Empty(t, newServer(t, &props).refuses(clone(status)))
}

func TestCheckSaysEverythingAtOnce(t *testing.T) {
	require.NoError(t, application.Check(postgres()))
	require.NoError(t, application.Check(etcd()))

	bad := postgres()
	bad.Name = strings.Repeat("a", 64)
	bad.Spec.Application.Kind, bad.Spec.Application.Plural = "Tenant", "tenants"
	bad.Spec.Credentials[0].Secret = "{name}"
	bad.Spec.Leftovers = []definition.Leftover{
		{Kind: "Service", Labels: map[string]string{"of": "{release}"}}, {Kind: "Service", Labels: map[string]string{"of": "{name}", "is": "left-{release}"}},
	}

	service := etcd()
	service.Spec.Application.Kind = "Other"
	service.Spec.Release.Prefix = "etcd-"
	service.Spec.Needs = []string{"etcd"}

	stolen := etcd()
	stolen.Spec.Service, stolen.Spec.Credentials = "", nil
	stolen.Spec.Release.Prefix = "e-"

	unprefixed, tenants := postgres(), postgres()
	unprefixed.Spec.Release.Prefix, tenants.Spec.Release.Prefix = "", "tenant-"

	for _, c := range []struct {
		of   *definition.ApplicationDefinition
		want []string
	}{
		{bad, []string{"metadata.name", "spec.application.kind", "spec.application.plural", "spec.credentials[0].secret", "spec.leftovers[1].labels"}},
		{service, []string{"spec.application.kind", "spec.release.prefix", "spec.service"}},
		{stolen, []string{"spec.service"}},
		{unprefixed, []string{"spec.release.prefix"}},
		{tenants, []string{"spec.release.prefix"}},
	} {
		_, err := application.CRD(c.of, schemaOf(t, `{"properties":{}}`))

		var fields []string
		for _, line := range strings.Split(err.Error(), "\n") {
			name, _, _ := strings.Cut(line, ": ")
			fields = append(fields, name)
		}

		require.Equal(t, c.want, fields)
	}
}
