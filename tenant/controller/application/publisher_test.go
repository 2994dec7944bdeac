// SPDX-License-Identifier: Apache-2.0

package application

import (
	"testing"

	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

func (l *lab) kindOf() *apiextensionsv1.CustomResourceDefinition {
	l.t.Helper()

	found, err := l.crd(l.t.Context(), "depots.apps.cozystack.io")
	require.NoError(l.t, err)

	return found
}

func TestKindIsPublishedWhenWhatItRequiresIsThere(t *testing.T) {
	l := newLab(t, flux(), depots(func(s *definition.ApplicationDefinitionSpec) { s.Requires = []string{"shelves.lab.example.org"} }))
	l.settle()
	require.Equal(t, "waiting for CustomResourceDefinitions to be established: shelves.lab.example.org", l.published().Message)
	require.Equal(t, [2]string{"False", ReasonRequirementsMissing}, [2]string{string(l.published().Status), l.published().Reason})
	require.Nil(t, l.kindOf())

	unserved := established("shelves.lab.example.org", nil)
	unserved.Status.Conditions[0].Status = apiextensionsv1.ConditionFalse
	require.NoError(t, l.client.Create(t.Context(), unserved))
	l.settle()
	require.Nil(t, l.kindOf(), "it is there, and not established")

	unserved.Status.Conditions[0].Status = apiextensionsv1.ConditionTrue
	require.NoError(t, l.client.Status().Update(t.Context(), unserved))
	l.settle()
	require.Equal(t, [2]string{"True", "Published"}, [2]string{string(l.published().Status), l.published().Reason})
	require.Equal(t, "Depot", l.kindOf().Spec.Names.Kind)
	require.Contains(t, specOf(l.kindOf()).Properties, "size")
	require.NotNil(t, l.informers[depotKind], "objects are watched")
	require.Empty(t, l.settle(), "nothing changed")
}

func TestWithoutFluxNothingIsPublished(t *testing.T) {
	l := newLab(t, depots())
	l.settle()
	require.Contains(t, l.published().Message, "helmreleases.helm.toolkit.fluxcd.io")
	require.Nil(t, l.kindOf())
}

func TestWhatKeepsAKindFromBeingPublished(t *testing.T) {
	elsewhere := &definition.ChartSource{Name: "elsewhere", Namespace: "cozy-system"}

	for reason, edit := range map[string]func(*definition.ApplicationDefinitionSpec){
		ReasonInvalid: func(s *definition.ApplicationDefinitionSpec) { s.Application.Kind = "Tenant" },
		ReasonChartMissing: func(s *definition.ApplicationDefinitionSpec) {
			s.Release.Chart.Name = "nothing"
		},
		ReasonChartMissing + " of that version": func(s *definition.ApplicationDefinitionSpec) { s.Release.Chart.Version = "0.9.0" },
		ReasonChartMissing + " in any version": func(s *definition.ApplicationDefinitionSpec) {
			s.Release.Chart.SourceRef, s.Application.OpenAPISchema = elsewhere, depotSchema
		},
		ReasonSchemaMissing: func(s *definition.ApplicationDefinitionSpec) {
			s.Release.Chart.SourceRef, s.Release.Chart.Version = elsewhere, "1.0.0"
		},
		ReasonNotExpressible: func(s *definition.ApplicationDefinitionSpec) {
			s.Application.OpenAPISchema = `{"type": "object", "properties": {"x": {"not": {"type": "string"}}}}`
		},
		ReasonInvalid + " health": func(s *definition.ApplicationDefinitionSpec) {
			s.Release.HealthCheckExprs = []definition.HealthCheckExpr{{APIVersion: "v1", Kind: "Pod", Current: "status.("}}
		},
	} {
		l := newLab(t, flux(), depots(edit))
		l.settle()
		require.Contains(t, reason, l.published().Reason)
		require.Equal(t, metav1.ConditionFalse, l.published().Status, reason)
		require.NotEmpty(t, l.published().Message, reason)
		require.Nil(t, l.kindOf(), reason)
	}
}

func TestOthersKindIsLeftAlone(t *testing.T) {
	for says, labels := range map[string]map[string]string{
		"made by somebody else": nil,
		"made for the definition other": {
			labelManagedBy: FieldManager, application.LabelDefinition: "other",
		},
	} {
		l := newLab(t, flux(), depots(), established("depots.apps.cozystack.io", labels))
		l.settle()
		require.Equal(t, ReasonNameTaken, l.published().Reason)
		require.Contains(t, l.published().Message, says)
		require.Empty(t, l.kinds.all())
		require.Equal(t, labels, l.kindOf().Labels)
		require.Empty(t, l.kindOf().Spec)
		require.Empty(t, l.settle())
	}
}

func TestSchemaThatBreaksObjectsIsNotPublished(t *testing.T) {
	l := newLab(t, flux(), depots())
	l.settle()

	narrow := []byte(`{"type": "object", "properties": {"size": {"type": "integer", "maximum": 3}}}`)
	wide := []byte(`{"type": "object", "properties": {"size": {"type": "integer"}, "options": {}, "more": {"type": "string"}}}`)

	require.NoError(t, l.client.Create(t.Context(), depotNamed("one", nil)))
	l.charts["depot"] = Chart{Version: "1.0.1+abc", Schema: narrow}
	l.settle()
	require.Equal(t, ReasonBreakingChange, l.published().Reason)
	require.Contains(t, l.published().Message, "spec.options: is gone")
	require.Contains(t, specOf(l.kindOf()).Properties, "options")
	require.NotNil(t, l.releaseOf("depot-one"), "what was published before is served")

	l.charts["depot"] = Chart{Version: "1.0.2+abc", Schema: wide}
	l.settle()
	require.Equal(t, "Published", l.published().Reason)
	require.Contains(t, specOf(l.kindOf()).Properties, "more")

	l.delete(l.depot("one"))
	l.settle()
	require.Nil(t, l.depot("one"))
	l.charts["depot"] = Chart{Version: "1.0.3+abc", Schema: narrow}
	l.settle()
	require.Equal(t, "Published", l.published().Reason, "nobody is left whom it could break")
	require.NotContains(t, specOf(l.kindOf()).Properties, "options")
}

func TestWhatSomebodyChangedIsPutBack(t *testing.T) {
	l := newLab(t, flux(), depots())
	l.settle()

	changed := l.kindOf()
	changed.Spec.Versions[0].AdditionalPrinterColumns = nil
	changed.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["more"] = apiextensionsv1.JSONSchemaProps{Type: "string"}
	require.NoError(t, l.client.Update(t.Context(), changed))
	require.Equal(t, []string{"update *v1.CustomResourceDefinition depots.apps.cozystack.io"}, l.settle())
	require.NotContains(t, l.kindOf().Spec.Versions[0].Schema.OpenAPIV3Schema.Properties, "more")
	require.Len(t, l.kindOf().Spec.Versions[0].AdditionalPrinterColumns, 4)
}

func TestKindGoesWithItsLastObject(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil))
	l.settle()
	require.NotNil(t, l.releaseOf("depot-one"))

	require.NoError(t, l.client.Delete(t.Context(), depots()))
	require.Empty(t, l.settle(), "what runs goes on to run")
	require.NotNil(t, l.kindOf())

	// As after a restart: nobody knows the definition any more.
	l.world.kinds, l.watches = &kinds{}, watches{}
	require.Empty(t, l.settle())

	l.delete(l.depot("one"))
	require.Equal(t, []string{
		"delete HelmRelease depot-one", "status Depot one", "delete *v1.RoleBinding tenant-credentials", "delete *v1.Role tenant-credentials",
		"patch Depot one", "delete *v1.CustomResourceDefinition depots.apps.cozystack.io",
		"apply *v1.ClusterRoleApplyConfiguration", "apply *v1.ClusterRoleApplyConfiguration",
	}, l.settle())
	require.Empty(t, l.kinds.all())
	require.Nil(t, l.informers[depotKind], "nobody watches what is not served")
}

func (l *lab) delete(object client.Object) {
	l.t.Helper()

	writes := l.writes
	require.NoError(l.t, l.client.Delete(l.t.Context(), object))
	l.writes = writes
}

func TestDefinitionsThatCareForAKindAreWoken(t *testing.T) {
	l := newLab(t, depots(func(s *definition.ApplicationDefinitionSpec) { s.Requires = []string{"shelves.lab.example.org"} }))

	for name, want := range map[string]int{
		"shelves.lab.example.org": 1, releaseCRD: 1, "depots.apps.cozystack.io": 1, "others.example.org": 0,
	} {
		require.Len(t, l.definitionsOf(t.Context(), established(name, nil)), want, name)
	}

	gone := established("olds.apps.cozystack.io", map[string]string{application.LabelDefinition: "old"})
	require.Equal(t, "old", l.definitionsOf(t.Context(), gone)[0].Name)
}
