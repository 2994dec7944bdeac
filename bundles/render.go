// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"context"
	"fmt"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Render makes the objects of a package without a cluster, those of its crds directory and its hooks included. A chart that
// looks things up in the cluster finds nothing there. The version of Kubernetes is that of the site: v1.34.4.
func Render(ctx context.Context, p Package, archive []byte, kubernetes string) ([]*unstructured.Unstructured, error) {
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("load chart %s: %w", p.Chart.ChartName(), err)
	}
	if loaded.Metadata.Version != p.Chart.Version {
		return nil, fmt.Errorf("chart %s: its version is %s, not %s", p.Chart.ChartName(), loaded.Metadata.Version, p.Chart.Version)
	}
	kubeVersion, err := chartutil.ParseKubeVersion(kubernetes)
	if err != nil {
		return nil, fmt.Errorf("version of Kubernetes %q: %w", kubernetes, err)
	}
	run := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	run.ClientOnly, run.DryRun, run.IncludeCRDs = true, true, true
	run.ReleaseName, run.Namespace = p.Release, p.Namespace
	run.KubeVersion, run.APIVersions = kubeVersion, apiVersions(p.Needs)
	run.PostRenderer = patcher{p.Patches}
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
