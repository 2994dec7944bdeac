// SPDX-License-Identifier: Apache-2.0

package site

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The schema is generated here and not in the product, so that the product links no generator.

// generateSchema makes the JSON schema from the types and their comments.
func generateSchema(t *testing.T) []byte {
	t.Helper()
	reflector := &jsonschema.Reflector{
		RequiredFromJSONSchemaTags: true,
		ExpandedStruct:             true,
		Mapper: func(of reflect.Type) *jsonschema.Schema {
			switch of {
			case reflect.TypeFor[netip.Addr]():
				return &jsonschema.Schema{Type: "string", Format: "ip", Examples: []any{"192.0.2.1"}}
			case reflect.TypeFor[netip.Prefix]():
				return &jsonschema.Schema{Type: "string", Format: "cidr", Examples: []any{"192.0.2.0/24"}}
			case reflect.TypeFor[Patch]():
				return &jsonschema.Schema{Type: "object"}
			}
			return nil
		},
	}
	require.NoError(t, reflector.AddGoComments("github.com/cozystack/cozy-install/bootstrap/site", "."))
	for name, comment := range reflector.CommentMap {
		reflector.CommentMap[name] = strings.Join(strings.Fields(comment), " ")
	}
	generated := reflector.Reflect(&Site{})
	generated.ID = schemaURL
	generated.Title = "Site file of cozy-install"
	compact, err := json.Marshal(generated)
	require.NoError(t, err)
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, compact, "", "  "))
	text := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(indented.String())
	return []byte(text + "\n")
}

func TestSchemaIsMadeFromTheTypes(t *testing.T) {
	want := generateSchema(t)
	for _, file := range []string{"site.schema.json", filepath.FromSlash("../../docs/site.schema.json")} {
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, want, 0o644))
		}
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is old: go test ./bootstrap/site -run Schema -update", file)
	}
}
