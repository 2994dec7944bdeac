// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

// What a site file says must reach the cluster: these tests follow values from the file into the plan, and into the objects
// that our own charts render.

// resolved is the plan of the loopback site with texts of it replaced: was, is, was, is ...
func resolved(t *testing.T, replaced ...string) *bundles.Plan {
	t.Helper()
	text := loopbackSite
	for i := 0; i < len(replaced); i += 2 {
		require.Contains(t, text, replaced[i])
		text = strings.Replace(text, replaced[i], replaced[i+1], 1)
	}
	return planOf(t, text)
}

func planOf(t *testing.T, text string) *bundles.Plan {
	t.Helper()
	s, err := site.Parse("site.yaml", []byte(text))
	require.NoError(t, err)
	plan, err := ResolveBundle(s, "")
	require.NoError(t, err)
	return plan
}

func packageOf(t *testing.T, plan *bundles.Plan, name string) bundles.Package {
	t.Helper()
	for _, p := range plan.Packages {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("package %s is not in the plan of %s", name, plan.Bundle)
	return bundles.Package{}
}

// valueAt is a value of a package in the plan.
func valueAt(t *testing.T, plan *bundles.Plan, name string, keys ...string) any {
	t.Helper()
	value, found, err := unstructured.NestedFieldNoCopy(packageOf(t, plan, name).Values, keys...)
	require.NoError(t, err)
	require.True(t, found, "%s: %s", name, strings.Join(keys, "."))
	return value
}

// objectsOf is what a package's chart, one of ours, renders in the plan: kind and name -> object.
func objectsOf(t *testing.T, plan *bundles.Plan, name string) map[string]map[string]any {
	t.Helper()
	p := packageOf(t, plan, name)
	charts, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	archive, err := charts.Archive(p.Chart.Embedded)
	require.NoError(t, err)
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	require.NoError(t, err)
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun = true, true
	install.ReleaseName, install.Namespace = p.Release, p.Namespace
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.34.4", Major: "1", Minor: "34"}
	release, err := install.Run(loaded, p.Values)
	require.NoError(t, err)
	out := map[string]map[string]any{}
	for document := range strings.SplitSeq("\n"+release.Manifest, "\n---\n") {
		object := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(document), &object.Object))
		if len(object.Object) > 0 {
			out[object.GetKind()+"/"+object.GetName()] = object.Object
		}
	}
	return out
}

// at is what an object holds at a path of keys.
func at(t *testing.T, object map[string]any, keys ...string) any {
	t.Helper()
	require.NotEmpty(t, object, "no such object")
	value, found, err := unstructured.NestedFieldNoCopy(object, keys...)
	require.NoError(t, err)
	require.True(t, found, strings.Join(keys, "."))
	return value
}
