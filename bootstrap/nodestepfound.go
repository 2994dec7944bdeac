// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/bundles"
)

// namedAtMost is how many objects are named where there are many.
const namedAtMost = 10

// shortText is how much of a text of others is shown, in characters.
const shortText = 500

// selected describes the objects that are meant, a line each.
func selected(ctx context.Context, cluster stepCluster, o bundles.StepObjects, node bundles.StepNode) ([]string, error) {
	objects, err := cluster.Objects(ctx, o.APIVersion, o.Kind, o.Namespace)
	if err != nil {
		return nil, err
	}
	lists := map[string][]map[string]any{}
	for name, list := range o.Lists {
		if lists[name], err = cluster.Objects(ctx, list.APIVersion, list.Kind, ""); err != nil {
			return nil, err
		}
	}
	found, err := o.Select(objects, lists, node)
	if err != nil {
		return nil, wait.Final(fmt.Errorf("%s: %w", o.Kind, err))
	}
	var lines []string
	for i, object := range found {
		if i == namedAtMost {
			return append(lines, fmt.Sprintf("and %d more", len(found)-i)), nil
		}
		lines = append(lines, describeObject(o.Kind, &unstructured.Unstructured{Object: object}))
	}
	return lines, nil
}

// selectedIfAny is selected where a kind that the cluster never had, or has no more, means that there are none. It is not for
// waiting: a wait that ends so would take what was deleted for what was done.
func selectedIfAny(ctx context.Context, cluster stepCluster, o bundles.StepObjects, node bundles.StepNode) ([]string, error) {
	found, err := selected(ctx, cluster, o, node)
	if unserved := (*kube.UnservedError)(nil); errors.As(err, &unserved) && unserved.Undefined {
		return nil, nil
	}
	return found, err
}

// describeObject names an object, and what its conditions say that do not hold: what its controller works on.
func describeObject(kind string, object *unstructured.Unstructured) string {
	out := kind + " " + object.GetName()
	if namespace := object.GetNamespace(); namespace != "" {
		out = kind + " " + namespace + "/" + object.GetName()
	}
	if claim, has, _ := unstructured.NestedString(object.Object, "spec", "claimRef", "name"); has {
		namespace, _, _ := unstructured.NestedString(object.Object, "spec", "claimRef", "namespace")
		out += " of the claim " + namespace + "/" + claim
	}
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	var bad []string
	for _, raw := range conditions {
		condition, _ := raw.(map[string]any)
		if message, _ := condition["message"].(string); condition["status"] == "False" && message != "" {
			bad = append(bad, fmt.Sprintf("%v: %s", condition["type"], message))
		}
	}
	if len(bad) == 0 {
		return out
	}
	return out + " (" + shorten(strings.Join(bad, "; ")) + ")"
}

// shorten makes one short line of a text that others wrote.
func shorten(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)), " ")
	if runes := []rune(text); len(runes) > shortText {
		return string(runes[:shortText]) + "..."
	}
	return text
}

// outline is a step in a line: its title, and how long it may take.
func outline(step nodeStep, node bundles.StepNode) string {
	switch {
	case step.ByHand != nil:
		return step.Package + ": taken for done by you: " + step.ByHand.Do
	case step.Exec != nil:
		return fmt.Sprintf("%s: %s (%s at most)", step, strings.Join(node.Fill(step.Exec.Run), " "), step.Limit())
	case step.WaitWhile != nil:
		return fmt.Sprintf("%s (%s at most)", step, step.Limit())
	default:
		return step.String()
	}
}
