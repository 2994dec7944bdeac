// SPDX-License-Identifier: Apache-2.0

package application

import (
	"encoding/json"
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
)

// AnnotationLeftovers is on the CustomResourceDefinition of a kind: what its objects may leave behind, as JSON. So that is known
// still when the definition is gone and objects are not.
const AnnotationLeftovers = "cozystack.io/leftovers"

// Leftovers are what objects of a definition's kind may leave behind. In their labels {name} stands for the name of an object.
func Leftovers(of *definition.ApplicationDefinition) []definition.Leftover {
	return fill(of.Spec.Leftovers, variables(of, nameVariable))
}

// LeftoversOf are those of the object with that name.
func LeftoversOf(kind []definition.Leftover, name string) []definition.Leftover {
	return fill(kind, strings.NewReplacer(nameVariable, name))
}

// PublishedLeftovers are the Leftovers of the definition that a CustomResourceDefinition was made for.
func PublishedLeftovers(crd *apiextensionsv1.CustomResourceDefinition) ([]definition.Leftover, error) {
	said, isSaid := crd.Annotations[AnnotationLeftovers]
	if !isSaid {
		return nil, nil
	}

	var all []definition.Leftover
	if err := json.Unmarshal([]byte(said), &all); err != nil {
		return nil, fmt.Errorf("CustomResourceDefinition %s: annotation %s: %w", crd.Name, AnnotationLeftovers, err)
	}

	return all, nil
}

// leftoverAnnotations are those of a kind's CustomResourceDefinition. Nil: its objects leave nothing behind.
func leftoverAnnotations(of *definition.ApplicationDefinition) (map[string]string, error) {
	if len(of.Spec.Leftovers) == 0 {
		return nil, nil
	}

	said, err := json.Marshal(Leftovers(of))
	if err != nil {
		return nil, fmt.Errorf("spec.leftovers: %w", err)
	}

	return map[string]string{AnnotationLeftovers: string(said)}, nil
}

func fill(leftovers []definition.Leftover, with *strings.Replacer) []definition.Leftover {
	all := make([]definition.Leftover, 0, len(leftovers))

	for _, left := range leftovers {
		selected := make(map[string]string, len(left.Labels))
		for key, value := range left.Labels {
			selected[key] = with.Replace(value)
		}

		left.Labels = selected
		all = append(all, left)
	}

	return all
}
