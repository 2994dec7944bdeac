// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// applicationRenderings are those of the charts that tenants' applications are released from.
func applicationRenderings() []rendering {
	return []rendering{
		{"tenant-applications", "tenant-applications", "cozy-system", map[string]any{"kamaji": true, "postgres": true}},
		{"tenant-applications-hosted", "tenant-applications", "cozy-system", nil},
		{"etcd", "etcd", "tenant-alpha", ordered("etcd", nil)},
		{"etcd-hosted", "etcd", "tenant-alpha", ordered("etcd", map[string]any{
			"replicas": 1, "size": "20Gi", "storageClass": "local", "resources": map[string]any{"cpu": "1500m", "memory": "2Gi"},
		})},
		{"postgres", "postgres", "tenant-alpha", ordered("postgres", nil)},
		{"postgres-all", "postgres", "tenant-alpha", postgresWithAll()},
		{"kubernetes", "kubernetes", "tenant-alpha", ordered("kubernetes", nil)},
		{"kubernetes-all", "kubernetes", "tenant-alpha", kubernetesWithAll()},
		{"ingress", "ingress", "tenant-alpha", ordered("ingress", map[string]any{"whitelist": []any{"192.0.2.0/24", "2001:db8::1"}})},
		{"ingress-root", "ingress", "tenant-root", ordered("ingress", map[string]any{
			"issuer": "none", "service": map[string]any{"type": "ClusterIP", "externalIPs": []any{"192.0.2.1"}},
		})},
		{"monitoring", "monitoring", "tenant-alpha", ordered("monitoring", nil)},
		{"monitoring-root", "monitoring", "tenant-root", ordered("monitoring", map[string]any{
			"replicas": 1, "storageClass": "local", "alerts": map[string]any{"webhook": "https://alerts.example.org/"},
		})},
		{"seaweedfs", "seaweedfs", "tenant-alpha", ordered("seaweedfs", nil)},
		{"seaweedfs-small", "seaweedfs", "tenant-alpha", ordered("seaweedfs", map[string]any{
			"replicas": 1, "copies": 1, "masters": 1, "storageClass": "local", "s3": map[string]any{"replicas": 1, "issuer": "none"},
		})},
		withPools(map[string]any{
			"ssd":     map[string]any{"diskType": "ssd", "size": "50Gi"},
			"archive": map[string]any{"diskType": "hdd2", "replicas": 3, "storageClass": "slow"},
		}),
		inZones(map[string]any{"volume": map[string]any{
			"pools": map[string]any{"ssd": map[string]any{"diskType": "ssd", "size": "50Gi"}},
			"zones": map[string]any{"a": map[string]any{}, "b": map[string]any{
				"replicas": 3, "size": "100Gi", "storageClass": "local", "dataCenter": "north", "nodeSelector": map[string]any{"room": "north"},
			}},
		}}),
		{"tenant", "tenant", "tenant-alpha", map[string]any{
			"host": "beta.example.org", "etcd": true, "resourceQuotas": map[string]any{"cpu": 8, "memory": "16Gi"},
		}},
	}
}

// apisOf are the groups and versions, beside Kubernetes' own, of the cluster that a rendering is for.
func apisOf(rendering string) chartutil.VersionSet {
	switch rendering {
	case "etcd":
		return chartutil.VersionSet{"kamaji.clastix.io/v1alpha1"}
	case "postgres-all", "kubernetes-all":
		return chartutil.VersionSet{"operator.victoriametrics.com/v1beta1/VMPodScrape"}
	case "seaweedfs-zones":
		return chartutil.VersionSet{"postgresql.cnpg.io/v1"}
	}
	return nil
}

// ordered are the values of a release that a tenant's object makes: what the user set, and what the platform says of the
// tenant.
func ordered(release string, spec map[string]any) map[string]any {
	values := map[string]any{"_tenant": map[string]any{
		"namespace": "tenant-alpha", "name": "alpha", "host": "alpha.example.org", "clusterDomain": "cozy.local", "issuer": "custom-ca", "schedulingClass": "",
		"services": map[string]any{
			"etcd": "tenant-alpha", "monitoring": "tenant-root", "ingress": "tenant-root", "seaweedfs": "tenant-root",
		},
		"release": release, "application": map[string]any{"kind": "Kind", "name": "name"},
		"ratios": map[string]any{"cpu": 10, "memory": 1},
	}}
	for key, value := range spec {
		values[key] = value
	}
	return values
}

// definitions are those that chart tenant-applications has on a cluster with everything.
func definitions(t *testing.T) []*definition.ApplicationDefinition {
	t.Helper()
	var out []*definition.ApplicationDefinition
	for _, object := range objects(t, render(t, applicationRenderings()[0])) {
		if object["kind"] != definition.ApplicationDefinitionKind {
			continue
		}
		raw, err := yaml.Marshal(object)
		require.NoError(t, err)
		one := &definition.ApplicationDefinition{}
		require.NoError(t, yaml.UnmarshalStrict(raw, one))
		out = append(out, one)
	}
	require.NotEmpty(t, out)
	return out
}

func TestEveryDefinitionBecomesAKind(t *testing.T) {
	for _, one := range definitions(t) {
		schema, err := os.ReadFile(filepath.Join("charts", one.Spec.Release.Chart.Name, schemaFile))
		require.NoError(t, err, one.Name)
		spec, err := application.Schema(schema)
		require.NoError(t, err, one.Name)
		_, err = application.CRD(one, spec)
		require.NoError(t, err, one.Name)
		require.Empty(t, spec.Required, "%s: the chart has a default for everything", one.Name)
	}
}

// TestSchemasOfApplicationsTellTheDefaults: users read them with kubectl explain, and the chart is where they are.
func TestSchemasOfApplicationsTellTheDefaults(t *testing.T) {
	for _, one := range definitions(t) {
		loaded, err := loader.LoadDir(filepath.Join("charts", one.Spec.Release.Chart.Name))
		require.NoError(t, err)
		var schema map[string]any
		require.NoError(t, json.Unmarshal(loaded.Schema, &schema))
		require.Contains(t, schema["properties"], "_tenant", one.Name)
		raw, err := json.Marshal(loaded.Values)
		require.NoError(t, err)
		var values map[string]any
		require.NoError(t, json.Unmarshal(raw, &values))
		compareDefaults(t, one.Name, schema, values)
	}
}

func compareDefaults(t *testing.T, path string, schema, values map[string]any) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		at, inner := path+"."+name, property.(map[string]any)
		value, isThere := values[name]
		if slices.Contains([]string{"_tenant", "global"}, name) {
			require.False(t, isThere, at)
			continue
		}
		require.True(t, isThere, "%s: no default in values.yaml", at)
		if children, isObject := value.(map[string]any); isObject && inner["properties"] != nil {
			compareDefaults(t, at, inner, children)
			continue
		}
		require.Equal(t, value, inner["default"], at)
	}
}

// TestChartsOfApplicationsShareTheirText: a chart can't take a template from another one, so each holds a copy.
func TestChartsOfApplicationsShareTheirText(t *testing.T) {
	for _, shared := range []string{"_resources.tpl", "_application.tpl", "_issuer.tpl", "_placement.tpl", "_balancer.tpl"} {
		copies, err := filepath.Glob("charts/*/templates/" + shared)
		require.NoError(t, err)
		require.NotEmpty(t, copies)
		want, err := os.ReadFile(copies[0])
		require.NoError(t, err)
		for _, name := range copies[1:] {
			got, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), name)
		}
	}
}
