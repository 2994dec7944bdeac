// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes/scheme"
)

// checkHealth checks what a package says of its health by itself; compareHealth, what its chart makes of that.
func checkHealth(p *Package, problem report) {
	if p.Health.Timeout.Duration < 0 {
		problem("health.timeout", p.Health.Timeout.Duration.String(), "less than nothing")
	}
	if p.Health.WithoutStatus != "" && len(p.Health.Conditions) > 0 {
		problem("health.withoutStatus", p.Health.WithoutStatus, "the package has health.conditions: leave one of the two out")
	}
	known := crdsOf(p)
	seen := map[HealthCondition]int{}
	for i, c := range p.Health.Conditions {
		at := func(field string, value any, rule string, args ...any) {
			problem(fmt.Sprintf("health.conditions[%d]%s", i, field), value, rule, args...)
		}
		checkHealthObject(c, known, at)
		checkHealthValue(c, at)
		same := c
		same.Value, same.Message, same.AnyGeneration = "", "", false
		if first, twice := seen[same]; twice {
			at("", nil, "says of the same what health.conditions[%d] says", first)
		} else {
			seen[same] = i
		}
	}
}

// checkHealthObject checks which objects a condition is about.
func checkHealthObject(c HealthCondition, known []string, problem report) {
	group, err := schema.ParseGroupVersion(c.APIVersion)
	switch {
	case err != nil || group.Group == "" || group.Version == "":
		problem(".apiVersion", c.APIVersion, "not the group and version of custom resources: piraeus.io/v1")
	case c.Kind == "":
		problem(".kind", nil, "missing")
	case !slices.Contains(known, c.crd()):
		problem(".kind", c.Kind, "the package neither needs nor provides its CRD %s%s", c.crd(), didYouMean(c.crd(), known))
	}
	if errs := validation.IsDNS1123Subdomain(c.Name); c.Name != "" && len(errs) > 0 {
		problem(".name", c.Name, "%s", errs[0])
	}
	if c.Live && c.Name != "" {
		problem(".live", c.Live, "stands beside a name: only one of the two")
	}
	if errs := validation.IsQualifiedName(c.Among); c.Among != "" && (!c.Live || len(errs) > 0) {
		problem(".among", c.Among, "not the type of a condition of what is live")
	}
	if c.Namespace == "" {
		return
	}
	checkLabel(problem, ".namespace", c.Namespace, validation.DNS1123LabelMaxLength)
	if c.Name == "" {
		problem(".namespace", c.Namespace, "without a name it is about all objects of that kind in the release, wherever they are; leave it out")
	}
}

// checkHealthValue checks what a condition says of its objects.
func checkHealthValue(c HealthCondition, problem report) {
	switch {
	case c.Condition == "" && c.Field == "":
		problem("", nil, "has neither condition nor field")
	case c.Condition != "" && c.Field != "":
		problem(".field", c.Field, "stands beside condition %q: only one of the two", c.Condition)
	case c.Field != "":
		checkStatusPath(".field", c.Field, problem)
		if c.Value == "" {
			problem(".value", nil, "missing: a field must have one")
		}
	default:
		if errs := validation.IsQualifiedName(c.Condition); len(errs) > 0 {
			problem(".condition", c.Condition, "not the type of a condition: %s", errs[0])
		}
		if !slices.Contains([]string{"", "True", "False", "Unknown"}, c.Value) {
			problem(".value", c.Value, "not the status of a condition: True, False or Unknown")
		}
		if c.Message != "" {
			problem(".message", c.Message, "a condition has its own message; leave it out")
		}
	}
	if c.Message != "" {
		checkStatusPath(".message", c.Message, problem)
	}
}

func checkStatusPath(at, path string, problem report) {
	parts := strings.Split(path, ".")
	if len(parts) < 2 || parts[0] != "status" || slices.Contains(parts, "") {
		problem(at, path, "not the dotted path of something in the status: status.phase")
	}
}

// crdsOf lists the CRDs whose objects a package may have, wherever it is, sorted.
func crdsOf(p *Package) []string {
	out := slices.Clone(p.Needs)
	for _, addition := range p.With {
		out = append(out, addition.Needs...)
	}
	for _, crd := range p.Provides {
		out = append(out, crd.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkCoreHealth refuses conditions of a core's packages: it installs while no operator can run yet.
func checkCoreHealth(catalog *Catalog, s *Set, selected map[string]bool, problem report) {
	g := newGraph(catalog, s, selected)
	for _, name := range sortedKeys(g.closure(s.Core)) {
		if len(catalog.packages[name].Health.Conditions) > 0 {
			problem(name, nil, "has health.conditions, and is in the core: nothing waits for them there")
		}
	}
}

// compareHealth lists what is wrong with a package's health beside the objects that its chart renders. A package of custom
// resources alone would be ready before their operator has done anything: it must say when it is, or why that can't be said.
func compareHealth(p Package, objects []*unstructured.Unstructured) []string {
	var out []string
	for i, c := range p.Health.Conditions {
		if c.Name != "" && !slices.ContainsFunc(objects, c.is) {
			out = append(out, fmt.Sprintf("health.conditions[%d] is about %s %s, which the chart does not render", i, c.Kind, c.Name))
		}
	}
	custom, runs := customKinds(objects), false
	podTemplates(objects, func(*unstructured.Unstructured, map[string]any) { runs = true })
	switch {
	case runs && p.Health.WithoutStatus != "":
		out = append(out, "has health.withoutStatus, which is for packages that run nothing: the chart renders pods")
	case !runs && len(custom) > 0 && len(p.Health.Conditions) == 0 && p.Health.WithoutStatus == "":
		out = append(out, fmt.Sprintf("brings only custom resources (%s) and would be ready before their operator has done anything: "+
			"say in health.conditions when it is, or in health.withoutStatus why that can't be said", strings.Join(custom, ", ")))
	}
	return out
}

// customKinds are the kinds of the objects that Kubernetes doesn't come with, sorted.
func customKinds(objects []*unstructured.Unstructured) []string {
	var out []string
	for _, object := range objects {
		kind := object.GroupVersionKind()
		isExtension := kind.Group == "apiextensions.k8s.io" || kind.Group == "apiregistration.k8s.io" // with scheme packages of their own
		if !isExtension && !scheme.Scheme.IsGroupRegistered(kind.Group) {
			out = append(out, kind.Kind)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
