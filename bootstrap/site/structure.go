// SPDX-License-Identifier: Apache-2.0

package site

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

//go:embed site.schema.json
var schema []byte

// Schema is the JSON schema of a site file (draft 2020-12), for editors. A file that keeps it can still break rules that
// a schema can't say, such as disjoint networks: those are [Validate]'s. Made from this package's types by its tests.
func Schema() []byte { return bytes.Clone(schema) }

// schemaURL is where the schema is published. Nothing is fetched from it: inside the compiler it is only a name.
const schemaURL = "https://github.com/cozystack/cozy-install/raw/main/docs/site.schema.json"

// newCompiler knows the two formats that JSON schema itself has no name for.
func newCompiler() *jsonschema.Compiler {
	compiler := jsonschema.NewCompiler()
	compiler.RegisterFormat(&jsonschema.Format{Name: "ip", Validate: checkText(func(text string) error {
		_, err := netip.ParseAddr(text)
		return err
	})})
	compiler.RegisterFormat(&jsonschema.Format{Name: "cidr", Validate: checkText(func(text string) error {
		_, err := netip.ParsePrefix(text)
		return err
	})})
	compiler.AssertFormat()
	return compiler
}

// checkText applies a check to strings only: other types are the type keyword's matter.
func checkText(check func(string) error) func(any) error {
	return func(value any) error {
		if text, ok := value.(string); ok {
			return check(text)
		}
		return nil
	}
}

func compileSchema() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	compiler := newCompiler()
	if err := compiler.AddResource(schemaURL, document); err != nil {
		return nil, err
	}
	return compiler.Compile(schemaURL)
}

// structure is what the schema finds in a document.
type structure struct {
	schema   *jsonschema.Schema
	document *document

	taken    []Problem // their values were taken out of the document, so that what is left can be decoded
	findings []Problem // about values that can be decoded; Validate usually says the same in better words
	meant    []string  // paths of keys that unknown ones were probably meant to be
}

// checkStructure holds a document against the schema and takes out what can't be decoded.
func checkStructure(d *document) (*structure, error) {
	compiled, err := compileSchema()
	if err != nil {
		return nil, fmt.Errorf("compile the site file's schema: %w", err)
	}
	found := &structure{schema: compiled, document: d}
	var invalid *jsonschema.ValidationError
	if errors.As(compiled.Validate(d.root), &invalid) {
		found.add(invalid)
	}
	return found, nil
}

// unreadable returns the problems of everything that is not in the decoded site, and the places they are about.
func (s *structure) unreadable() ([]Problem, *pathSet) {
	problems, broken := s.document.problems, newPathSet()
	for _, problem := range problems {
		broken.add(problem.Path)
	}
	for _, problem := range s.taken {
		if !broken.has(problem.Path) { // what the reader refused left a gap, which has the wrong type in a list
			problems = append(problems, problem)
		}
	}
	for _, problem := range s.taken {
		broken.add(problem.Path)
	}
	for _, path := range s.meant {
		broken.add(path)
	}
	return problems, broken
}

// add sorts one finding of the validator, and those it is made of, to where they belong.
func (s *structure) add(invalid *jsonschema.ValidationError) {
	for _, cause := range invalid.Causes {
		s.add(cause)
	}
	path, value := s.document.find(invalid.InstanceLocation)
	switch broken := invalid.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference: // only hold causes
	case *kind.AdditionalProperties:
		object, _ := value.(map[string]any)
		for _, key := range broken.Properties {
			s.unknown(path, key, knownKeys(s.schema, invalid.InstanceLocation))
			delete(object, key)
		}
	case *kind.Type:
		s.taken = append(s.taken, wrongType(path, value, broken))
		s.document.take(invalid.InstanceLocation)
	case *kind.Format:
		s.taken = append(s.taken, wrongFormat(path, broken))
		s.document.take(invalid.InstanceLocation)
	case *kind.Required:
		for _, key := range broken.Missing {
			s.findings = append(s.findings, Problem{Path: join(path, key), Rule: missing})
		}
	case *kind.Enum:
		s.findings = append(s.findings, Problem{Path: path, Value: show(fmt.Sprint(value)), Rule: fmt.Sprintf("not one of %v", broken.Want)})
	default: // a keyword that was added to the schema and not here: refuse all the same
		s.findings = append(s.findings, Problem{Path: path, Rule: "against the schema: " + invalid.Error()})
	}
}

func (s *structure) unknown(path, key string, known []string) {
	at := s.document.keys[join(path, key)]
	problem := Problem{Path: join(path, key), Rule: "unknown key", Line: at.line, Column: at.column}
	if near := nearest(key, known); near != "" {
		problem.Hint = fmt.Sprintf("did you mean %q?", near)
		s.meant = append(s.meant, join(path, near))
	} else {
		problem.Hint = "known keys here: " + strings.Join(known, ", ")
	}
	s.taken = append(s.taken, problem)
}

func wrongType(path string, value any, broken *kind.Type) Problem {
	want := strings.Join(broken.Want, " or ")
	problem := Problem{Path: path, Rule: typeName(broken.Got) + " where " + typeName(want) + " belongs"}
	if want == "string" && (broken.Got == "number" || broken.Got == "boolean") {
		problem.Value = show(fmt.Sprint(value))
		problem.Hint = "write it in quotes: " + strconv.Quote(problem.Value)
	}
	return problem
}

// typeName says a JSON type in the words of YAML's users.
func typeName(name string) string {
	switch name {
	case "object":
		return "a mapping"
	case "array":
		return "a list"
	case "string":
		return "text"
	case "boolean":
		return "true or false"
	case "null":
		return "nothing"
	}
	return "a " + name
}

func wrongFormat(path string, broken *kind.Format) Problem {
	problem := Problem{Path: path, Value: show(fmt.Sprint(broken.Got))}
	switch broken.Want {
	case "cidr":
		problem.Rule, problem.Hint = "not a network", "write it as 10.0.0.0/24"
	default:
		problem.Rule, problem.Hint = "not an IP address", "write it as 10.0.0.1, without a prefix length"
	}
	return problem
}
