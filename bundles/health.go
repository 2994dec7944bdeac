// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Health says when a package counts as healthy: every object of its release is ready, as Helm sees it, and then Conditions
// hold. To Helm, and so to Flux, a custom resource is ready once it exists, whatever its operator has made of it.
type Health struct {
	// Timeout is for one attempt, and after that for Conditions to hold. Zero: DefaultTimeout.
	Timeout metav1.Duration `json:"timeout,omitzero"`
	// Conditions must all hold. They are not for packages of a core, which install before any operator.
	Conditions []HealthCondition `json:"conditions,omitempty"`
	// WithoutStatus says why the custom resources of a package that brings nothing else count as healthy once they exist:
	// nobody writes into them what became of them. Such a package has this or Conditions.
	WithoutStatus string `json:"withoutStatus,omitempty"`
}

// HealthCondition is what the status of custom resources must say: that a condition has a status, or a field a value. What
// the operator wrote for an older generation of the object does not count.
type HealthCondition struct {
	APIVersion string `json:"apiVersion"` // piraeus.io/v1; the package needs or brings the CRD
	Kind       string `json:"kind"`
	// Name is that of one object of the package's chart. Empty: it must hold for each object of that kind in the release, of
	// which there may be none.
	Name string `json:"name,omitempty"`
	// Namespace is that of the object of that Name. Empty: the package's, if the kind has namespaces.
	Namespace string `json:"namespace,omitempty"`
	// Live means, without a Name, what an operator makes: each object of that kind which the cluster has, in the package's
	// namespace if the kind has namespaces, and of which there must be one.
	Live bool `json:"live,omitempty"`
	// Among is the type of a condition: of what is Live, only those of which it is True are looked at. Empty: all.
	Among string `json:"among,omitempty"`

	Condition string `json:"condition,omitempty"` // type of one of status.conditions: Available
	Field     string `json:"field,omitempty"`     // instead of Condition: the dotted path of a text, number or boolean: status.phase
	Value     string `json:"value,omitempty"`     // that it must have. Empty, for a Condition only: True
	// Message is the dotted path of the text where the operator says why Field has another value: status.reason. A condition
	// has its own.
	Message string `json:"message,omitempty"`
	// AnyGeneration takes also what was written for an older generation: for operators that don't write a condition again
	// when only its generation would change.
	AnyGeneration bool `json:"anyGeneration,omitempty"`
}

// resource is the condition's kind as the API names it. The CRD's name is made of it, see crd.
func (c HealthCondition) resource() schema.GroupVersionResource {
	group, _ := schema.ParseGroupVersion(c.APIVersion)
	plural, _ := meta.UnsafeGuessKindToResource(group.WithKind(c.Kind))
	return plural
}

// crd is the name of the CRD of the condition's kind: linstorclusters.piraeus.io. The plural is guessed as everybody forms
// it; checkHealth holds it against what the package needs.
func (c HealthCondition) crd() string { return c.resource().GroupResource().String() }

// is reports whether an object is one of those the condition is about, whatever its version.
func (c HealthCondition) is(object *unstructured.Unstructured) bool {
	kind := object.GroupVersionKind()
	return kind.Kind == c.Kind && kind.Group == c.resource().Group && (c.Name == "" || c.Name == object.GetName())
}

// counts says whether a live object is one of those that are looked at.
func (c HealthCondition) counts(object *unstructured.Unstructured) bool {
	status, _, _ := HealthCondition{Condition: c.Among}.found(object.Object)
	return c.Among == "" || status == string(metav1.ConditionTrue)
}

func (c HealthCondition) value() string {
	if c.Value == "" {
		return string(metav1.ConditionTrue)
	}
	return c.Value
}

// unmet says in words why the condition does not hold for the object; nil: there is none. Empty: it holds.
func (c HealthCondition) unmet(object *unstructured.Unstructured) string {
	if object == nil {
		return doesNotExist
	}
	found, why, observed := c.found(object.Object)
	what := c.Field
	if c.Condition != "" {
		what = "condition " + c.Condition
	}
	switch {
	case found == "":
		return fmt.Sprintf("it has no %s yet, which must be %s", what, c.value())
	case found != c.value():
		return cut(strings.TrimSuffix(fmt.Sprintf("%s is %s, not %s: %s", what, found, c.value(), why), ": "))
	}
	status, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	for _, seen := range []int64{status, observed} {
		if seen != 0 && seen < object.GetGeneration() && !c.AnyGeneration {
			return fmt.Sprintf("%s is %s, but of generation %d; its operator has not seen generation %d yet",
				what, found, seen, object.GetGeneration())
		}
	}
	return ""
}

// found is the value that there is, why, in the operator's words on one line, and the generation that it is of, zero if it
// does not tell.
func (c HealthCondition) found(object map[string]any) (value, why string, observed int64) {
	if c.Condition == "" {
		return textAt(object, c.Field), textAt(object, c.Message), 0
	}
	list, _, _ := unstructured.NestedSlice(object, "status", "conditions")
	at := slices.IndexFunc(list, func(one any) bool {
		condition, _ := one.(map[string]any)
		return condition["type"] == c.Condition
	})
	if at < 0 {
		return "", "", 0
	}
	condition, _ := list[at].(map[string]any)
	observed, _, _ = unstructured.NestedInt64(condition, "observedGeneration")
	reason, message := textAt(condition, "reason"), textAt(condition, "message")
	return textAt(condition, "status"), strings.TrimSuffix(strings.TrimPrefix(reason+": "+message, ": "), ": "), observed
}

// textAt is a text, number or boolean as text on one line; empty if there is none.
func textAt(object map[string]any, path string) string {
	found, _, _ := unstructured.NestedFieldNoCopy(object, strings.Split(path, ".")...)
	switch found.(type) {
	case string, bool, int64, float64:
		return strings.Join(strings.Fields(fmt.Sprint(found)), " ")
	}
	return ""
}

// healthConditions are those of p that its plan has the kinds for: what a package has only where another one is, may have
// conditions of its own. The needs of p must be final.
func healthConditions(p *Package) []HealthCondition {
	var out []HealthCondition
	for _, c := range p.Health.Conditions {
		if slices.Contains(p.Needs, c.crd()) || p.brings(c.crd()) {
			out = append(out, c)
		}
	}
	return out
}

func (p *Package) brings(crd string) bool {
	return slices.ContainsFunc(p.Provides, func(provided CRD) bool { return provided.Name == crd })
}
