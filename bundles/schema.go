// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"sigs.k8s.io/yaml"
)

// checkValues holds the values, over the chart's defaults, against the chart's schema, as Helm will when it renders.
func checkValues(p *Package, values map[string]any, choices Choices, found *Problems) {
	file := packageFile(p.Name)
	schema, document, err := schemaOf(choices.Charts, p.Chart.Embedded)
	if err != nil {
		found.add(file, "chart.embedded", p.Chart.Embedded, "%v", err)
		return
	}
	if schema == nil {
		return
	}
	instance, err := withDefaults(choices.Charts, p.Chart.Embedded, values)
	if err != nil {
		found.add(file, "chart.embedded", p.Chart.Embedded, "%v", err)
		return
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(instance); err == nil {
		return
	} else if !errors.As(err, &invalid) {
		found.add(file, "values", nil, "%v", err)
		return
	}
	v := violations{of: p, chosen: choices.Values[p.Name], schema: document, found: found}
	v.report(invalid)
}

func schemaOf(charts Charts, name string) (*jsonschema.Schema, any, error) {
	raw, err := charts.Schema(name)
	if err != nil || raw == nil {
		return nil, nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, fmt.Errorf("schema of chart %s: %w", name, err)
	}
	// An absolute URL: the library makes others absolute by the working directory, whose name may not be one.
	const id = "chart:///values.schema.json"
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(id, document); err != nil {
		return nil, nil, fmt.Errorf("schema of chart %s: %w", name, err)
	}
	schema, err := compiler.Compile(id)
	if err != nil {
		return nil, nil, fmt.Errorf("schema of chart %s: %w", name, err)
	}
	return schema, document, nil
}

// withDefaults is what the chart's templates will see, in the types the schema library wants.
func withDefaults(charts Charts, name string, values map[string]any) (any, error) {
	raw, err := charts.Values(name)
	if err != nil {
		return nil, err
	}
	defaults := map[string]any{}
	if err := yaml.Unmarshal(raw, &defaults); err != nil {
		return nil, fmt.Errorf("values of chart %s: %w", name, err)
	}
	seen, err := json.Marshal(withoutNulls(merge(defaults, values)))
	if err != nil {
		return nil, fmt.Errorf("values of chart %s: %w", name, err)
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(seen))
}

func withoutNulls(values map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range values {
		if inner, ok := value.(map[string]any); ok {
			out[key] = withoutNulls(inner)
		} else if value != nil {
			out[key] = value
		}
	}
	return out
}

// violations turns what the schema library found into problems.
type violations struct {
	of     *Package
	chosen map[string]any // by the operator
	schema any
	found  *Problems
}

func (v *violations) report(e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		v.report(cause)
	}
	if len(e.Causes) > 0 {
		return
	}
	if extra, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
		known := knownKeys(v.schema, e.InstanceLocation)
		for _, key := range extra.Properties {
			v.add(append(e.InstanceLocation[:len(e.InstanceLocation):len(e.InstanceLocation)], key),
				"the chart knows no such value"+didYouMean(key, known))
		}
		return
	}
	v.add(e.InstanceLocation, e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
}

// add puts the problem where the value was written: into the operator's choices, or the package's file.
func (v *violations) add(location []string, rule string) {
	path := strings.Join(location, ".")
	if _, chosen := lookup(v.chosen, location); chosen && len(location) > 0 {
		v.found.add("", "packages.values."+v.of.Name+"."+path, nil, "%s", rule)
		return
	}
	v.found.add(packageFile(v.of.Name), "values."+path, nil, "%s", rule)
}

// knownKeys lists the properties a schema names at a place in its instances.
func knownKeys(schema any, location []string) []string {
	for _, key := range location {
		schema = properties(schema)[key]
	}
	return sortedKeys(properties(schema))
}

// properties are those of an object's schema; none if it is not one.
func properties(schema any) map[string]any {
	object, _ := schema.(map[string]any)
	out, _ := object["properties"].(map[string]any)
	return out
}
