// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/tenant/application"
)

// maxRuleCost is what the API server lets a rule cost at worst, in CEL's units: StaticEstimatedCostLimit of its validation of
// CRDs, which more libraries would come with.
const maxRuleCost = 10_000_000

// TestRulesOfKindsCompileAndAreCheap: else the API server would refuse the CRD, and the kind would not be there.
func TestRulesOfKindsCompileAndAreCheap(t *testing.T) {
	var rules int
	for _, one := range definitions(t) {
		rules += compileRules(t, one.Name, structuralOf(t, one.Spec.Release.Chart.Name), 1)
	}
	require.Positive(t, rules)
}

// structuralOf is the schema that the API server goes by for the spec of the kind which a chart becomes.
func structuralOf(t *testing.T, chart string) *schema.Structural {
	t.Helper()
	return structuralSchema(t, schemaOf(t, chart))
}

// schemaOf is that schema as the CRD has it.
func schemaOf(t *testing.T, chart string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("charts", chart, schemaFile))
	require.NoError(t, err, chart)
	spec, err := application.Schema(source)
	require.NoError(t, err, chart)
	return spec
}

// structuralSchema is a schema as the API server goes by it.
func structuralSchema(t *testing.T, spec *apiextensionsv1.JSONSchemaProps) *schema.Structural {
	t.Helper()
	structural, err := schema.NewStructural(keptSchema(t, spec))
	require.NoError(t, err)
	return structural
}

// keptSchema is a schema as the API server keeps it.
func keptSchema(t *testing.T, spec *apiextensionsv1.JSONSchemaProps) *apiextensions.JSONSchemaProps {
	t.Helper()
	var internal apiextensions.JSONSchemaProps
	require.NoError(t, apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(spec, &internal, nil))
	return &internal
}

// compileRules returns how many rules there are. times is how often the schema can stand in an object at most.
func compileRules(t *testing.T, path string, s *schema.Structural, times uint64) int {
	t.Helper()
	results, err := cel.Compile(s, model.SchemaDeclType(s, false), celconfig.PerCallLimit,
		environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()), cel.NewExpressionsEnvLoader())
	require.NoError(t, err, path)
	count := len(results)
	for _, result := range results {
		require.Nil(t, result.Error, "%s: %v", path, result.Error)
		require.LessOrEqual(t, result.MaxCost*times, uint64(maxRuleCost), path)
		require.Nil(t, result.MessageExpressionError, "%s: %v", path, result.MessageExpressionError)
		require.LessOrEqual(t, result.MessageExpressionMaxCost*times, uint64(maxRuleCost), path)
	}
	for name, property := range s.Properties {
		count += compileRules(t, path+"."+name, &property, times)
	}
	if s.Items != nil {
		count += compileRules(t, path+"[]", s.Items, times*bound(s.ValueValidation.MaxItems))
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		count += compileRules(t, path+".*", s.AdditionalProperties.Structural, times*bound(s.ValueValidation.MaxProperties))
	}
	return count
}

// bound is the longest length of a list or a map; that of one without is beyond any rule.
func bound(longest *int64) uint64 {
	if longest == nil {
		return maxRuleCost
	}
	return uint64(*longest)
}

// TestImagesOfApplicationsAreInPackages: what tenants order has to be in the archive of a site without a network. Those of
// clusters are in the package that bundles without clusters do not have. The text is read, as no single rendering has every
// version.
func TestImagesOfApplicationsAreInPackages(t *testing.T) {
	listed := map[string][]string{}
	for _, name := range []string{"tenant-applications", "capi-providers"} {
		raw, err := os.ReadFile("../bundles/packages/" + name + ".yaml")
		require.NoError(t, err)
		var read struct {
			Images []string `json:"images"`
		}
		require.NoError(t, yaml.Unmarshal(raw, &read))
		listed[name] = read.Images
	}
	pattern := regexp.MustCompile(`(?:docker\.io|ghcr\.io|gcr\.io|quay\.io|registry\.k8s\.io)/[a-z0-9._/-]+:[A-Za-z0-9._-]+`)
	for _, one := range definitions(t) {
		name := one.Spec.Release.Chart.Name
		files, err := filepath.Glob(filepath.Join("charts", name, "templates", "*"))
		require.NoError(t, err)
		var found []string
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			found = append(found, pattern.FindAllString(string(text), -1)...)
		}
		slices.Sort(found)
		where := "tenant-applications"
		if name == "kubernetes" {
			where = "capi-providers"
			require.NotEmpty(t, found)
		}
		require.Empty(t, missing(found, listed[where]), "%s uses them, and package %s does not list them", name, where)
	}
}

func missing(wanted, there []string) []string {
	return slices.DeleteFunc(slices.Compact(wanted), func(one string) bool { return slices.Contains(there, one) })
}
