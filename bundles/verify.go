// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Verdict is what verifying one package of a bundle found.
type Verdict struct {
	Bundle  string `json:"bundle"`
	Package string `json:"package"`
	// State is VerifiedRendered, VerifiedUnreachable or VerifiedWrong.
	State string `json:"state"`
	// Unpinned says that nobody has measured the chart's digest: its server is believed.
	Unpinned bool `json:"unpinned,omitempty"`
	// Problems are in words; also why a chart could not be had.
	Problems []string `json:"problems,omitempty"`
}

// States of a Verdict.
const (
	VerifiedRendered    = "rendered"    // and every object is as the package says
	VerifiedUnreachable = "unreachable" // its chart could not be downloaded: nothing was proven
	VerifiedWrong       = "wrong"
)

// Verify renders the chart of every package of a plan that can be had, and holds the objects against what the package says:
// the CRDs it brings and needs, its images, whether its pods are privileged, and when it is healthy. What a plan proves by itself
// (closure, no circle, who brings which kind) Load and Resolve have proven. The version of Kubernetes is that of the site: v1.34.4.
func Verify(ctx context.Context, shelf *Shelf, plan *Plan, kubernetes string) ([]Verdict, error) {
	checks, err := newPodChecks()
	if err != nil {
		return nil, err
	}
	out := make([]Verdict, 0, len(plan.Packages))
	for _, p := range plan.Packages {
		v := Verdict{Bundle: plan.Bundle, Package: p.Name, State: VerifiedRendered, Unpinned: p.Chart.isUnpinned()}
		archive, err := shelf.Archive(ctx, p)
		if err != nil {
			v.State, v.Problems = VerifiedUnreachable, []string{err.Error()}
			out = append(out, v)
			continue
		}
		objects, err := Render(ctx, p, archive, kubernetes)
		if err != nil {
			v.Problems = []string{err.Error()}
		} else {
			v.Problems = compare(p, plan, objects, checks)
		}
		if len(v.Problems) > 0 {
			v.State = VerifiedWrong
		}
		out = append(out, v)
	}
	return out, nil
}

func (c Chart) isUnpinned() bool {
	if len(c.Manifests) > 0 {
		return slices.ContainsFunc(c.Manifests, func(m Manifest) bool { return m.Digest == "" })
	}
	return c.Embedded == "" && c.Digest == ""
}

// compare lists what differs between rendered objects and their package.
func compare(p Package, plan *Plan, objects []*unstructured.Unstructured, checks podChecks) []string {
	var out []string
	var brought []string
	for _, object := range slices.Concat(objects, appliedByHooks(objects)) {
		if object.GetKind() == "CustomResourceDefinition" {
			brought = append(brought, object.GetName())
		}
	}
	var promised []string
	for _, crd := range p.Provides {
		if crd.From == FromChart {
			promised = append(promised, crd.Name)
		}
	}
	for _, name := range missingFrom(brought, promised) {
		out = append(out, "brings no CRD "+name)
	}
	for _, name := range missingFrom(promised, brought) {
		out = append(out, "brings CRD "+name+", which the package does not name")
	}
	running := slices.Concat(objects, keptIn(objects)) // operators make pods of the latter
	for _, image := range missingFrom(wholeNames(p.Images), wholeNames(imagesOf(running))) {
		out = append(out, "uses image "+image+", which the package does not list")
	}
	if !isPrivileged(plan, p.Namespace) {
		for _, reason := range beyondBaseline(checks, running) {
			out = append(out, fmt.Sprintf("%s, and namespace %s is not privileged: Pod Security would refuse its pods", reason, p.Namespace))
		}
	}
	return append(out, compareHealth(p, objects)...)
}

// missingFrom lists what wanted has and there lacks, sorted, each once.
func missingFrom(there, wanted []string) []string {
	var out []string
	for _, one := range wanted {
		if !slices.Contains(there, one) {
			out = append(out, one)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func isPrivileged(plan *Plan, namespace string) bool {
	return namespaceLabels(plan)[namespace][podSecurity+"enforce"] == "privileged"
}
