// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"
)

// render makes the objects of a package without a cluster, those of its crds directory and its hooks included. A chart that
// looks things up in the cluster finds nothing there.
func render(ctx context.Context, p Package, archive []byte, kubernetes string) ([]*unstructured.Unstructured, error) {
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("load chart %s: %w", p.Chart.ChartName(), err)
	}
	if loaded.Metadata.Version != p.Chart.Version {
		return nil, fmt.Errorf("chart %s: its version is %s, not %s", p.Chart.ChartName(), loaded.Metadata.Version, p.Chart.Version)
	}
	parsed, err := version.ParseSemantic(kubernetes)
	if err != nil {
		return nil, fmt.Errorf("version of Kubernetes %q: %w", kubernetes, err)
	}
	run := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	run.ClientOnly, run.DryRun, run.IncludeCRDs = true, true, true
	run.ReleaseName, run.Namespace = p.Release, p.Namespace
	run.KubeVersion = &chartutil.KubeVersion{
		Version: kubernetes, Major: fmt.Sprint(parsed.Major()), Minor: fmt.Sprint(parsed.Minor()),
	}
	for _, needed := range p.Needs { // a chart may ask whether a kind exists
		_, group, _ := strings.Cut(needed, ".")
		run.APIVersions = append(run.APIVersions, group+"/v1")
	}
	if len(p.Patches) > 0 {
		run.PostRenderer = patcher{p.Patches}
	}
	release, err := run.RunWithContext(ctx, loaded, p.Values)
	if err != nil {
		return nil, fmt.Errorf("render chart %s: %w", p.Chart.ChartName(), err)
	}
	text := release.Manifest
	for _, hook := range release.Hooks {
		text += "\n---\n" + hook.Manifest
	}
	return objectsOf(text)
}

func objectsOf(text string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for document := range strings.SplitSeq("\n"+text, "\n---") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			return nil, fmt.Errorf("a rendered object is no YAML: %w", err)
		}
		if len(object.Object) > 0 {
			out = append(out, object)
		}
	}
	return out, nil
}
