// SPDX-License-Identifier: Apache-2.0

package application

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const (
	// ReleaseAPIVersion and ReleaseKind are those of Flux's HelmRelease.
	ReleaseAPIVersion = "helm.toolkit.fluxcd.io/v2"
	ReleaseKind       = "HelmRelease"

	// ServiceAccount is that of the tenant as which applications are released, never Flux's own. ServicesAccount is for what
	// runs a cluster service, which needs a few objects outside of namespaces.
	ServiceAccount  = "tenant-releases"
	ServicesAccount = "tenant-services"

	// chartsName and chartsNamespace are those of the HelmRepository of our own charts. Package bundles makes it.
	chartsName      = "cozy-charts"
	chartsNamespace = "cozy-system"

	// platformKey holds in a release's values what the platform says of the tenant.
	platformKey = "_tenant"

	defaultTimeout = 10 * time.Minute
	// interval is how often Flux looks for drift. Changes don't wait for it; it is longer than that of packages, as there
	// may be thousands of applications.
	interval = 15 * time.Minute
	// retryInterval is how soon Flux tries a failed release again.
	retryInterval = time.Minute
	// maxHistory is how many revisions are kept: each is a Secret with the whole chart in it.
	maxHistory = 5
)

// MakeRelease makes the HelmRelease of an application: its values are what the user set, and what the platform says under
// _tenant. The same input gives the same object. The object given stays as it is, and shares nothing with the outcome.
//
// The error says why none may be made: the name is taken or too long, the spec sets what is the platform's, nobody names the
// chart's version. It can be told to the user.
//
// Nothing is ever uninstalled or rolled back because an attempt failed: the next attempt is an upgrade. Objects that belong
// to other releases are not taken over. CRDs of a chart are left alone, as a tenant's account may not write them. The
// HelmRelease has no owner reference: an object restored from a backup has another UID, and garbage collection would
// uninstall what it runs.
func (o Object) MakeRelease() (*unstructured.Unstructured, error) {
	if err := o.check(); err != nil {
		return nil, err
	}

	values, err := o.values()
	if err != nil {
		return nil, err
	}

	release := o.Definition.Spec.Release
	timeout := defaultTimeout

	if release.Timeout != nil {
		timeout = release.Timeout.Duration
	}

	account := ServiceAccount
	if o.Definition.Spec.Service != "" {
		account = ServicesAccount
	}

	attempt := func() map[string]any {
		return map[string]any{
			"crds":                 "Skip",
			"disableTakeOwnership": true,
			"strategy":             map[string]any{"name": "RetryOnFailure", "retryInterval": duration(retryInterval)},
		}
	}

	labels := maps.Clone(release.Labels)
	if labels == nil {
		labels = map[string]string{}
	}

	maps.Copy(labels, o.labels())
	labels[labelManagedBy] = manager
	labels[LabelDefinition] = o.Definition.Name

	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": ReleaseAPIVersion,
		"kind":       ReleaseKind,
		"metadata": map[string]any{
			"name": o.ReleaseName(), "namespace": o.Resource.GetNamespace(), "labels": anyMap(labels),
		},
		"spec": map[string]any{
			"chart":              map[string]any{"spec": o.chart()},
			"commonMetadata":     map[string]any{"labels": anyMap(o.labels())},
			"driftDetection":     map[string]any{"mode": "enabled"},
			"install":            attempt(),
			"interval":           duration(interval),
			"maxHistory":         int64(maxHistory),
			"releaseName":        o.ReleaseName(),
			"serviceAccountName": account,
			"timeout":            duration(timeout),
			"upgrade":            attempt(),
			"values":             values,
		},
	}}, nil
}

// check looks at everything once, though the schema of the kind has done so: objects may be older than it.
func (o Object) check() error {
	var all []error

	if err := o.taken(); err != nil {
		all = append(all, err)
	}

	if name := o.ReleaseName(); len(name) > maxRelease {
		all = append(all, fmt.Errorf("metadata.name: %q: its Helm release %s would have %d characters, at most %d are allowed",
			o.Resource.GetName(), name, len(name), maxRelease))
	}

	if strings.Contains(o.Resource.GetName(), ".") {
		all = append(all, fmt.Errorf("metadata.name: %q: its host would be that of another tenant: a name has no dot", o.Resource.GetName()))
	}

	if o.Resource.GetNamespace() != o.Tenant.Namespace {
		all = append(all, fmt.Errorf("metadata.namespace: %q: is not the namespace of the tenant", o.Resource.GetNamespace()))
	}

	if o.chartVersion() == "" { // Flux would take whatever is newest
		all = append(all, fmt.Errorf("chart %s: the platform serves none of this name, and its version is not set",
			o.Definition.Spec.Release.Chart.Name))
	}

	return errors.Join(all...)
}

// labels say whose all that the chart makes is.
func (o Object) labels() map[string]string {
	return map[string]string{
		LabelGroup: v1alpha1.GroupVersion.Group, LabelKind: o.Definition.Spec.Application.Kind, LabelName: o.Resource.GetName(),
	}
}

func (o Object) chart() map[string]any {
	chart := o.Definition.Spec.Release.Chart
	source := map[string]any{"kind": "HelmRepository", "name": chartsName, "namespace": chartsNamespace}

	if chart.SourceRef != nil {
		source["name"], source["namespace"] = chart.SourceRef.Name, chart.SourceRef.Namespace
	}

	return map[string]any{"chart": chart.Name, "version": o.chartVersion(), "sourceRef": source}
}

// values are the user's and the platform's.
func (o Object) values() (map[string]any, error) {
	spec, _, err := unstructured.NestedMap(o.Resource.Object, "spec") // a copy
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}

	if spec == nil {
		spec = map[string]any{}
	}

	for _, key := range slices.Sorted(maps.Keys(spec)) {
		if IsReserved(key) {
			return nil, fmt.Errorf("spec.%s: is set by the platform, not by users", key)
		}
	}

	namespaces, _ := o.providers()
	services := map[string]any{}

	for _, service := range tenant.Services() {
		services[service.String()] = namespaces[service]
	}

	spec[platformKey] = map[string]any{
		"namespace":       o.Tenant.Namespace,
		"name":            o.Tenant.Tenant.Name,
		"host":            o.Tenant.Host,
		"clusterDomain":   o.Platform.ClusterDomain,
		"issuer":          o.Platform.Issuer,
		"schedulingClass": o.Tenant.SchedulingClass,
		"services":        services,
		"release":         o.ReleaseName(),
		"application":     map[string]any{"kind": o.Definition.Spec.Application.Kind, "name": o.Resource.GetName()},
		"ratios": map[string]any{
			"cpu": number(cmp.Or(o.Platform.CPURatio, 1)), "memory": number(cmp.Or(o.Platform.MemoryRatio, 1)),
		},
	}

	return spec, nil
}

// duration and number are written as the API server gives them back, so that comparing finds no difference.
func duration(d time.Duration) string { return d.String() }

func number(of float64) any {
	if whole := int64(of); float64(whole) == of {
		return whole
	}

	return of
}

func anyMap(of map[string]string) map[string]any {
	out := make(map[string]any, len(of))
	for key, value := range of {
		out[key] = value
	}

	return out
}
