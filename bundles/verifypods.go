// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
)

// podTemplates calls each with every pod, as a template, that the objects make.
func podTemplates(objects []*unstructured.Unstructured, each func(object *unstructured.Unstructured, template map[string]any)) {
	for _, object := range objects {
		for _, path := range [][]string{{"spec", "template"}, {"spec", "jobTemplate", "spec", "template"}, {}} {
			template, found, _ := unstructured.NestedMap(object.Object, path...)
			if found && podSpec(template)["containers"] != nil {
				each(object, template)
				break
			}
		}
	}
}

func podSpec(template map[string]any) map[string]any {
	spec, _ := template["spec"].(map[string]any)
	return spec
}

// imagesOf lists the images of all containers, sorted, each once.
func imagesOf(objects []*unstructured.Unstructured) []string {
	var out []string
	podTemplates(objects, func(_ *unstructured.Unstructured, template map[string]any) {
		for _, container := range containersOf(podSpec(template)) {
			if image, _ := container["image"].(string); image != "" {
				out = append(out, image)
			}
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

func containersOf(spec map[string]any) []map[string]any {
	var out []map[string]any
	for _, key := range []string{"initContainers", "containers"} {
		list, _ := spec[key].([]any)
		for _, item := range list {
			if container, ok := item.(map[string]any); ok {
				out = append(out, container)
			}
		}
	}
	return out
}

// podChecks are those of Pod Security, for as many packages as there are.
type podChecks struct{ podsecurity.Evaluator }

func newPodChecks() (podChecks, error) {
	out, err := podsecurity.NewEvaluator(podsecurity.DefaultChecks(), nil)
	if err != nil {
		return podChecks{}, fmt.Errorf("make the checks of Pod Security: %w", err)
	}
	return podChecks{out}, nil
}

// beyondBaseline says of each object why an API server would refuse its pods in a namespace of the level baseline, which is what
// namespaces without a label have on Talos.
func beyondBaseline(checks podChecks, objects []*unstructured.Unstructured) []string {
	var out []string
	podTemplates(objects, func(object *unstructured.Unstructured, template map[string]any) {
		what := object.GetKind() + " " + object.GetName()
		var pod corev1.PodTemplateSpec
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, &pod); err != nil {
			out = append(out, fmt.Sprintf("%s has pods that can't be read (%v)", what, err))
			return
		}
		judged := podsecurity.AggregateCheckResults(checks.EvaluatePod(
			api.LevelVersion{Level: api.LevelBaseline, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec))
		if !judged.Allowed {
			out = append(out, fmt.Sprintf("%s: %s", what, judged.ForbiddenDetail()))
		}
	})
	return out
}
