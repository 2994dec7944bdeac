// SPDX-License-Identifier: Apache-2.0

package application

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	// maxSource bounds a schema as it is read, in bytes: as much as an ApplicationDefinition may hold.
	maxSource = 256 << 10
	// maxOutput bounds what becomes of it, in bytes, once references are replaced by what they name: a few lines can stand
	// for gigabytes. An object in etcd has at most 1.5 MiB, and the fields of a CRD are in it twice, with managedFields.
	maxOutput = 512 << 10
	// maxDepth bounds how deep values may lie in each other.
	maxDepth = 32
)

// Schema makes the schema of an application's spec of a chart's values.schema.json (JSON schema draft 7; later drafts as far
// as they mean the same). The error is Losses: all that the schema of a CustomResourceDefinition can't express.
//
// The outcome is structural and takes whatever the chart takes, but for keys that the chart does not name: it is looser where
// a chart's defaults, which are no part of an object, make up for what the object leaves out. The chart's own schema has the
// last word when the release is made.
//
//	$ref                                 replaced by what it names
//	default                              told in the description: defaults of a CRD would be stored in the objects
//	required, of a key with a default    left out, but in lists, into which Helm merges no defaults
//	additionalProperties: false          left out: keys that are not named are refused or dropped by the API server
//	type: [integer, string]              x-kubernetes-int-or-string
//	type: [T, null]                      nullable
//	no type, or an object without keys   x-kubernetes-preserve-unknown-fields
//	format                               kept where the API server knows it and means the same
//	_tenant, global                      left out at the top, as every key that begins with _ : users don't set these
func Schema(source []byte) (*apiextensionsv1.JSONSchemaProps, error) {
	c := &converter{}

	document, err := parse(source)
	if err != nil {
		c.losses.add("#", "%v", err)

		return nil, c.losses
	}

	c.document = document
	c.following = []string{"#"}

	out, _ := c.node(document, place{path: "#", isMerged: true})
	if len(c.losses) == 0 && out.Type != "object" {
		c.losses.add("#/type", "values are an object")
	}

	if len(c.losses) == 0 {
		c.checkStructural(&out)
	}

	if len(c.losses) > 0 {
		return nil, c.losses
	}

	return &out, nil
}

// parse reads numbers as they are written.
func parse(source []byte) (any, error) {
	if len(source) > maxSource {
		return nil, errors.New("a schema has at most 256 KiB")
	}

	var document any

	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.UseNumber()

	if err := decoder.Decode(&document); err != nil {
		return nil, errors.New("is no JSON: " + err.Error())
	}

	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is no JSON: something follows its end")
	}

	return document, nil
}

// checkStructural lets the API server's own code judge the outcome. What it finds is our mistake, and is told as well.
func (c *converter) checkStructural(spec *apiextensionsv1.JSONSchemaProps) {
	whole := &apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": *spec}}

	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(whole, &internal, nil); err != nil {
		c.losses.add("#", "%v", err)

		return
	}

	structural, err := schema.NewStructural(&internal)
	if err != nil {
		c.losses.add("#", "not structural: %v", err)

		return
	}

	for _, err := range schema.ValidateStructural(field.NewPath("schema"), structural) {
		c.losses.add("#", "not structural: %v", err)
	}
}

// IsReserved says whether a key at the top of a chart's values is none of the user's: global is Helm's, and what begins with
// _ is set by the platform.
func IsReserved(key string) bool { return key == "global" || strings.HasPrefix(key, "_") }
