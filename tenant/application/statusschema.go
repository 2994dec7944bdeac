// SPDX-License-Identifier: Apache-2.0

package application

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Status is what an object of a kind of application says of itself, written by the controller.
type Status struct {
	// ObservedGeneration is that of the spec that this status speaks of.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Version is that of the chart that runs it. Empty until one does.
	Version string `json:"version,omitempty"`
	// Release names the HelmRelease. Empty until there is one.
	Release string `json:"release,omitempty"`
	// Services are the namespaces of the cluster services that the application uses, by service.
	Services map[string]string `json:"services,omitempty"`
	// Credentials are the Secrets for the application's users.
	Credentials []Credential `json:"credentials,omitempty"`
	// Conditions, of which Ready is the first.
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Credential names a Secret in the application's namespace.
type Credential struct {
	Secret      string `json:"secret"`
	Description string `json:"description,omitempty"`
}

// statusSchema is the schema of Status.
func statusSchema() apiextensionsv1.JSONSchemaProps {
	atomic := "atomic"

	return apiextensionsv1.JSONSchemaProps{
		Type:        "object",
		Description: "What the application is, written by the controller.",
		Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"observedGeneration": {Type: "integer", Format: "int64", Description: "Generation of the spec that this status speaks of."},
			"version":            {Type: "string", Description: "Version of the chart that runs the application."},
			"release":            {Type: "string", Description: "Name of the Helm release."},
			"services": {
				Type:        "object",
				Description: "Namespaces of the cluster services that the application uses, by service.",
				AdditionalProperties: &apiextensionsv1.JSONSchemaPropsOrBool{
					Allows: true, Schema: &apiextensionsv1.JSONSchemaProps{Type: "string"},
				},
			},
			"credentials": {
				Type: "array", XListType: &atomic, Description: "Secrets for the application's users.",
				Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", Required: []string{"secret"},
					Properties: map[string]apiextensionsv1.JSONSchemaProps{
						"secret":      {Type: "string", Description: "Name of the Secret in the application's namespace."},
						"description": {Type: "string", Description: "What it is for."},
					},
				}},
			},
			"conditions": conditionsSchema(),
		},
	}
}

// conditionsSchema is as controller-gen writes it for a list of metav1.Condition.
func conditionsSchema() apiextensionsv1.JSONSchemaProps {
	asMap := "map"
	number := func(n int64) *int64 { return &n }
	least := 0.0

	return apiextensionsv1.JSONSchemaProps{
		Type: "array", XListType: &asMap, XListMapKeys: []string{"type"},
		Description: "How far the application has come: Ready for the whole, and what it waits for.",
		Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{
			Type: "object", Required: []string{"lastTransitionTime", "message", "reason", "status", "type"},
			Properties: map[string]apiextensionsv1.JSONSchemaProps{
				"lastTransitionTime": {Type: "string", Format: "date-time", Description: "When the status changed last."},
				"message":            {Type: "string", MaxLength: number(32768), Description: "Why, in words."},
				"observedGeneration": {Type: "integer", Format: "int64", Minimum: &least, Description: "Generation of the spec that the condition speaks of."},
				"reason": {
					Type: "string", MinLength: number(1), MaxLength: number(1024), Pattern: `^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`,
					Description: "Why, in one word.",
				},
				"status": {
					Type: "string", Description: "Whether it is so.",
					Enum: []apiextensionsv1.JSON{{Raw: []byte(`"True"`)}, {Raw: []byte(`"False"`)}, {Raw: []byte(`"Unknown"`)}},
				},
				"type": {
					Type: "string", MaxLength: number(316), Description: "What the condition is about.",
					Pattern: `^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`,
				},
			},
		}},
	}
}
