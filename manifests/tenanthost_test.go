// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// tenantSpec is the schema of a tenant's spec as it is shipped.
func tenantSpec(t *testing.T) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	source, err := os.ReadFile("charts/tenant-api/templates/crd-kinds.yaml")
	require.NoError(t, err)
	for document := range strings.SplitSeq(string(source), "\n---\n") {
		var crd apiextensionsv1.CustomResourceDefinition
		require.NoError(t, yaml.Unmarshal([]byte(document), &crd))
		if crd.Name == v1alpha1.TenantCRD {
			spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
			return &spec
		}
	}
	require.Fail(t, "no CRD of tenants")
	return nil
}

// TestTheDoorTakesTheHostsThatTheRulesTake holds the schema against the controller's own check, host by host: a tenant with a host that
// the door lets in and the controller refuses is refused although it ran before.
func TestTheDoorTakesTheHostsThatTheRulesTake(t *testing.T) {
	hosts := []string{
		"example.org", "a", "a-b.c", "1.2.3", "1.2.3.4.5", "10.0.0.1.example.org", "a.10.0.0.1", "10.0.0.a",
		"1e.2.3.4", "10.0.0.-1", "10.0.0.01", "010.0.0.1",
		"0.0.0.0", "0.0.0.00", "255.255.255.255", "255.255.255.256", "999.1.1.1", "1.2.3.4.", ".1.2.3.4", "1..2.3",
		"10.0.0.1\n", "::1", "fe80::1", "::ffff:10.0.0.1", "Example.org", "a_b.org", "-a.org", "a-.org", "a..b", ".", " ", "ä.org",
		strings.Repeat("a", 63) + ".org", strings.Repeat("a", 64) + ".org",
	}
	for octet := range 300 {
		hosts = append(hosts, fmt.Sprintf("%d.0.0.7", octet), fmt.Sprintf("7.0.0.%d", octet), fmt.Sprintf("7.0.%03d.0", octet))
	}
	structural := structuralSchema(t, tenantSpec(t))
	validator := cel.NewValidator(structural, false, celconfig.PerCallLimit)
	taken := map[bool]int{}
	for _, host := range hosts {
		spec := map[string]any{"host": host}
		errs, _ := validator.Validate(t.Context(), field.NewPath("spec"), structural, spec, nil, celconfig.RuntimeCELCostBudget)
		err := tenant.CheckHost(host)
		taken[err == nil]++
		if err == nil {
			require.Empty(t, errs, host)
			continue
		}
		require.Len(t, errs, 1, host)
		var refusal *tenant.Refusal
		require.ErrorAs(t, err, &refusal)
		rule, _, _ := strings.Cut(refusal.Rule, ",")
		if !strings.Contains(host, ":") { // with colons it is no DNS name, address or not
			rule = refusal.Rule
		}
		require.Equal(t, "spec.host", errs[0].Field, host)
		says := rule
		if !strings.Contains(host, "\n") { // of a message with one the server takes nothing
			says = fmt.Sprintf(`"%s": %s`, host, rule) // older API servers name no value themselves
		}
		require.Contains(t, errs[0].Detail, says)
	}
	require.Greater(t, taken[true], 100)
	require.Greater(t, taken[false], 100)
}
