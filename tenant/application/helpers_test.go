// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/cozystack/cozy-install/tenant/application"
)

var update = flag.Bool("update", false, "write the golden files anew")

// server judges objects by a schema with the API server's own code.
type server struct {
	validator  validation.SchemaValidator
	structural *schema.Structural
}

type failer interface {
	require.TestingT
	Helper()
}

func newServer(t failer, props *apiextensionsv1.JSONSchemaProps) server {
	t.Helper()

	var internal apiextensions.JSONSchemaProps
	require.NoError(t, apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil))

	validator, _, err := validation.NewSchemaValidator(&internal)
	require.NoError(t, err)

	structural, err := schema.NewStructural(&internal)
	require.NoError(t, err)

	return server{validator: validator, structural: structural}
}

// refuses lists what is wrong with a value, unknown fields included.
func (s server) refuses(value any) []string {
	var all []string
	for _, err := range validation.ValidateCustomResource(field.NewPath("spec"), value, s.validator) {
		all = append(all, err.Error())
	}

	copied := clone(value)
	unknown := pruning.PruneWithOptions(copied, s.structural, false, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})

	for _, path := range unknown {
		all = append(all, "unknown field "+path)
	}

	return all
}

// clone also makes of numbers what the API server reads: int64 where they are whole.
func clone(value any) any {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}

	return read(string(raw))
}

func read(text string) any {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()

	var value any
	if err := decoder.Decode(&value); err != nil {
		panic(err)
	}

	return withNumbers(value)
}

func withNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = withNumbers(inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = withNumbers(inner)
		}
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return whole
		}

		number, err := value.Float64()
		if err != nil {
			panic(err)
		}

		return number
	}

	return value
}

// original is what Helm does with the schema.
func original(t failer, source []byte) *jsonschema.Schema {
	t.Helper()

	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	require.NoError(t, err)

	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	require.NoError(t, compiler.AddResource("chart:///values.schema.json", document))

	compiled, err := compiler.Compile("chart:///values.schema.json")
	require.NoError(t, err, string(source))

	return compiled
}

func schemaOf(t testing.TB, source string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()

	props, err := application.Schema([]byte(source))
	require.NoError(t, err)

	return props
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()

	raw, err := os.ReadFile(path)
	require.NoError(t, err)

	return raw
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()

	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}

	require.Equal(t, string(readFile(t, path)), string(got), "read the difference, then run the test with -update")
}
