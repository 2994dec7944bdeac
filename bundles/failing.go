// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"strings"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// FailingObject is an object of a package that keeps it from being ready. Its JSON keys are a public contract.
type FailingObject struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"` // empty: the object has none
	Name      string `json:"name"`
	Why       string `json:"why"` // "0 out of 1 expected pods are ready"
}

// String is empty for the zero value.
func (o FailingObject) String() string {
	if o == (FailingObject{}) {
		return ""
	}
	return fmt.Sprintf("%s: %s", strings.TrimSpace(o.Kind+" "+pathOf(o.Namespace, o.Name)), o.Why)
}

// Warning is a warning that Kubernetes gave about an object, or about one of its pods or their volumes. Its JSON keys are a
// public contract.
type Warning struct {
	Kind    string `json:"kind"` // of the object that it is about, in the failing object's namespace
	Name    string `json:"name"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// String is empty for the zero value.
func (w Warning) String() string {
	if w == (Warning{}) {
		return ""
	}
	return fmt.Sprintf("%s %s: %s: %s", w.Kind, w.Name, w.Reason, w.Message)
}

// doesNotExist is why an object is not ready that Kubernetes has refused, or that Helm did not get to.
const doesNotExist = "it does not exist"

// maxReason bounds what is kept of a text from the cluster, in bytes.
const maxReason = 1000

// failingObject says why an object is not ready, from what Helm logs about it, or from the error of looking at it:
// "Deployment is not ready: cozy-x/y. 0 out of 1 expected pods are ready" -> "0 out of 1 expected pods are ready".
func failingObject(kind, namespace, name, logged string, err error) FailingObject {
	out := FailingObject{Kind: kind, Namespace: namespace, Name: name, Why: "it is not ready"}
	switch {
	case apierrors.IsNotFound(err):
		out.Why = doesNotExist
	case err != nil:
		out.Why = err.Error()
	case logged != "":
		out.Why = logged
		what, more, _ := strings.Cut(logged, ": "+pathOf(namespace, name))
		if more = strings.TrimPrefix(more, ". "); more != "" {
			out.Why = more
		} else if what != logged {
			out.Why = what
		}
	}
	out.Why = cut(out.Why)
	return out
}

// pathOf names an object below its kind.
func pathOf(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// cut bounds a text from the cluster, and never in the middle of a character.
func cut(text string) string {
	if len(text) <= maxReason {
		return text
	}
	end := maxReason
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
