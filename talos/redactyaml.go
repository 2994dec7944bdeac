// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"go.yaml.in/yaml/v3"
)

// RedactConfig gives a machine config that may be shown to others: without what Talos itself knows to be secret, and
// without what a patch may have put in: contents of files and manifests, environments, and values at keys that name a
// secret. Errors never quote the config.
func RedactConfig(config []byte) ([]byte, error) {
	provider, err := configloader.NewFromBytes(config)
	if err != nil {
		return nil, errors.New("redact a machine config: it can't be read")
	}

	hidden, err := encode(provider.RedactSecrets(redacted))
	if err != nil {
		return nil, fmt.Errorf("redact a machine config: %w", err)
	}

	return RedactYAML(hidden)
}

// RedactYAML gives YAML documents without values at keys that name a secret, data of Kubernetes Secrets, environments,
// and contents of files and manifests. It knows keys, not values: see [Scrubber] for those. Comments are left out.
func RedactYAML(text []byte) ([]byte, error) {
	var out bytes.Buffer

	decoder, encoder := yaml.NewDecoder(bytes.NewReader(text)), yaml.NewEncoder(&out)
	encoder.SetIndent(2)

	for {
		var tree yaml.Node

		err := decoder.Decode(&tree)
		if errors.Is(err, io.EOF) {
			return out.Bytes(), encoder.Close()
		}

		if err != nil {
			return nil, fmt.Errorf("redact: not YAML%s", yamlLine(err))
		}

		walkSecrets(&tree, func(value *yaml.Node) { *value = yaml.Node{Kind: yaml.ScalarNode, Value: redacted} })
		forgetComments(&tree)

		if err := encoder.Encode(&tree); err != nil {
			return nil, fmt.Errorf("redact: %w", err)
		}
	}
}

// secretKey matches keys whose value is a secret: password, client-key-data, bootstrapToken; not passwordFile.
var secretKey = regexp.MustCompile(
	`(?i)(pass(word|wd|phrase)?|secret|token|(private|client|access|api|aes|enc\w*|^)[-_]?key([-_]?data)?|auth|credentials?)$`)

// secretParts are keys below which anything may be: files, manifests and environments.
func secretParts() []string {
	return []string{"content", "contents", "env", "environment", "stringData", "binaryData"}
}

// walkSecrets calls back for each value that may be a secret. Mappings and lists below a secret key are walked through as
// a whole.
func walkSecrets(node *yaml.Node, found func(*yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		for _, child := range node.Content {
			walkSecrets(child, found)
		}

		return
	}

	isSecret := valueOf(node, "kind") == "Secret"
	named := secretKey.MatchString(valueOf(node, "name"))

	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i].Value, node.Content[i+1]

		switch {
		case value.Kind == yaml.ScalarNode && (secretKey.MatchString(key) || named && key == "value"):
			scalars(value, found)
		case slices.Contains(secretParts(), key), isSecret && key == "data":
			scalars(value, found)
		default:
			walkSecrets(value, found)
		}
	}
}

// scalars calls back for every value below a node that says something, but for names: of variables and the like.
func scalars(node *yaml.Node, found func(*yaml.Node)) {
	switch node.Kind { //nolint:exhaustive // aliases lead to what is walked anyway
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value != "name" {
				scalars(node.Content[i+1], found)
			}
		}
	case yaml.ScalarNode:
		if node.Value != "" && node.Tag != "!!null" && node.Tag != "!!bool" {
			found(node)
		}
	default:
		for _, child := range node.Content {
			scalars(child, found)
		}
	}
}

func valueOf(mapping *yaml.Node, key string) string {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1].Value
		}
	}

	return ""
}

func forgetComments(node *yaml.Node) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	for _, child := range node.Content {
		forgetComments(child)
	}
}
