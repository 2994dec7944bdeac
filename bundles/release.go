// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	// ChartsNamespace holds the chart repositories.
	ChartsNamespace = "cozy-system"
	// chartsName is the repository of our own charts, which the controller serves.
	chartsName = "cozy-charts"

	packageLabel = "cozystack.io/package"
	bundleLabel  = "cozystack.io/bundle"
	managedBy    = "app.kubernetes.io/managed-by"

	// releaseInterval is how often Flux compares a release with what it should be. Changes do not wait for it.
	releaseInterval = 5 * time.Minute
	// retryInterval is how soon Flux tries a failed release again.
	retryInterval = 15 * time.Second
)

// repositoryOf names the HelmRepository that a chart comes from.
func repositoryOf(c Chart) string {
	if c.isServedByController() {
		return chartsName
	}
	sum := sha256.Sum256([]byte(c.Repository))
	return "repository-" + hex.EncodeToString(sum[:])[:10]
}

// isServedByController reports whether Flux gets the chart from the controller: our own, and those made of manifests.
func (c Chart) isServedByController() bool { return c.Embedded != "" || len(c.Manifests) > 0 }

// helmRepositories are the chart repositories of the packages, ours at chartsURL. A change of any chart's version there
// asks Flux to read its repository now, not at the next interval.
func helmRepositories(packages []Package, chartsURL string) []*sourcev1.HelmRepository {
	urls, versions, plain := map[string]string{}, map[string]string{}, map[string]bool{}
	for _, p := range packages {
		name := repositoryOf(p.Chart)
		urls[name], plain[name] = p.Chart.ociURL(), p.Chart.isPlainHTTP()
		if p.Chart.isServedByController() {
			urls[name] = chartsURL
		}
		versions[name] += p.Chart.ChartName() + " " + p.Chart.Version + "\n"
	}
	out := make([]*sourcev1.HelmRepository, 0, len(urls))
	for _, name := range sortedKeys(urls) {
		sum := sha256.Sum256([]byte(versions[name]))
		kind := "" // plain HTTP
		if strings.HasPrefix(urls[name], registry) {
			kind = sourcev1.HelmRepositoryTypeOCI
		}
		out = append(out, &sourcev1.HelmRepository{
			TypeMeta: metav1.TypeMeta{APIVersion: sourcev1.GroupVersion.String(), Kind: sourcev1.HelmRepositoryKind},
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Namespace: ChartsNamespace, Labels: map[string]string{managedBy: fieldManager},
				Annotations: map[string]string{meta.ReconcileRequestAnnotation: hex.EncodeToString(sum[:])[:16]},
			},
			Spec: sourcev1.HelmRepositorySpec{
				URL: urls[name], Type: kind, Insecure: plain[name], Interval: metav1.Duration{Duration: releaseInterval},
			},
		})
	}
	return out
}

// helmRelease is the package as Flux keeps it. Its dependencies on other HelmReleases stand in it, so that later upgrades
// are ordered without us; the core has none. A failed attempt is followed by an upgrade, never by uninstalling or rolling
// back: that is RetryOnFailure.
func helmRelease(plan *Plan, p Package) (*helmv2.HelmRelease, error) {
	if p.Chart.Version == "" { // Flux would take whatever is newest
		return nil, fmt.Errorf("package %s: its chart has no version: the plan was resolved without our own charts", p.Name)
	}
	values, err := json.Marshal(p.Values)
	if err != nil {
		return nil, fmt.Errorf("values of package %s: %w", p.Name, err)
	}
	retry := metav1.Duration{Duration: retryInterval}
	timeout := metav1.Duration{Duration: p.timeout()}
	history := maxHistory
	release := &helmv2.HelmRelease{
		TypeMeta: metav1.TypeMeta{APIVersion: helmv2.GroupVersion.String(), Kind: helmv2.HelmReleaseKind},
		ObjectMeta: metav1.ObjectMeta{
			Name: p.Name, Namespace: p.Namespace,
			Labels: map[string]string{packageLabel: p.Name, bundleLabel: plan.Bundle, managedBy: fieldManager},
		},
		Spec: helmv2.HelmReleaseSpec{
			Chart: &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{
				Chart: p.Chart.ChartName(), Version: p.Chart.Version,
				SourceRef: helmv2.CrossNamespaceObjectReference{
					Kind: sourcev1.HelmRepositoryKind, Name: repositoryOf(p.Chart), Namespace: ChartsNamespace,
				},
			}},
			Interval: metav1.Duration{Duration: releaseInterval}, Timeout: &timeout, MaxHistory: &history,
			ReleaseName: p.Release, TargetNamespace: p.Namespace, StorageNamespace: p.Namespace,
			Values: &apiextensions.JSON{Raw: values}, PostRenderers: postRenderers(p),
			Install: &helmv2.Install{
				CRDs: helmv2.CreateReplace, DisableTakeOwnership: !plan.takesOver(p),
				Strategy: &helmv2.InstallStrategy{
					Name: string(helmv2.ActionStrategyRetryOnFailure), RetryInterval: &retry,
				},
			},
			Upgrade: &helmv2.Upgrade{
				CRDs: helmv2.CreateReplace, DisableTakeOwnership: !plan.takesOver(p),
				Strategy: &helmv2.UpgradeStrategy{
					Name: string(helmv2.ActionStrategyRetryOnFailure), RetryInterval: &retry,
				},
			},
		},
	}
	for _, other := range plan.Packages {
		for _, name := range p.DependsOn {
			if other.Name == name && !plan.IsCore(name) {
				release.Spec.DependsOn = append(release.Spec.DependsOn,
					helmv2.DependencyReference{Name: other.Name, Namespace: other.Namespace})
			}
		}
	}
	return release, nil
}

// toApply is an object as server-side apply wants it: without what only the server writes.
func toApply(object runtime.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	unstructured.RemoveNestedField(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	return &unstructured.Unstructured{Object: content}, nil
}
