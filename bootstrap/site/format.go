// SPDX-License-Identifier: Apache-2.0

package site

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Format writes a site as YAML, its keys in the order of the documentation. [Parse] reads it back to the same site.
func Format(s *Site) ([]byte, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the site: %w", err)
	}
	// JSON is YAML, so its tree keeps the order that a map would lose; only the braces and quotes have to go.
	var tree yaml.Node
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("encode the site: %w", err)
	}
	plain(&tree)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&tree); err != nil {
		return nil, fmt.Errorf("encode the site: %w", err)
	}
	return out.Bytes(), encoder.Close()
}

// plain takes JSON's style off a tree. The encoder puts quotes back where a text would read as another type.
func plain(node *yaml.Node) {
	node.Style = 0
	for _, child := range node.Content {
		plain(child)
	}
}
