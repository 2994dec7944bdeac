// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	machineconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"go.yaml.in/yaml/v3"
)

// unknownKeys holds, for each version before the one whose code decodes here, the kinds of documents and the keys that it
// does not know. A test makes the lists from the types of each version (lab/tools/machinery).
//
//go:embed unknown/*.txt
var unknownKeys embed.FS

// mainKind is what the decoder calls a document without a kind.
const mainKind = "v1alpha1"

// decode reads a config as Talos of a version does, strictly. The code is that of 1.13, which knows everything that the older
// ones know; what they do not know is refused first, in their words.
func decode(version string, data []byte) (machineconfig.Provider, error) {
	contract, err := machineconfig.ParseContractFromVersion(version)
	if err != nil {
		return nil, err
	}

	if !machineconfig.TalosVersion1_13.Greater(contract) {
		return configloader.NewFromBytes(data)
	}

	unknown, err := unknownTo(contract)
	if err != nil {
		return nil, err
	}

	err = unknown.refuse(data)
	if err == nil {
		provider, failed := configloader.NewFromBytes(data)
		if failed == nil {
			return provider, nil
		}

		err = failed
	}

	release, malformed := semver.NewVersion(version)
	if malformed != nil {
		return nil, malformed
	}

	if release.LessThan(semver.New(1, 12, 3, "", "")) {
		return nil, errors.New(place().ReplaceAllString(err.Error(), ""))
	}

	return nil, err
}

// place is what the decoder puts before most of its errors since 1.12.3.
func place() *regexp.Regexp { return regexp.MustCompile(`^error decoding document \S* \(line \d+\): `) }

// unknownTo is the list of a version, or of the oldest that there is one of.
func unknownTo(contract *machineconfig.VersionContract) (unknownList, error) {
	minor := max(contract.Minor, machineconfig.TalosVersion1_11.Minor)

	text, err := unknownKeys.ReadFile(path.Join("unknown", fmt.Sprintf("%d.%d.txt", contract.Major, minor)))
	if err != nil {
		return nil, err
	}

	list := unknownList{}
	for line := range strings.Lines(string(text)) {
		kind, key, _ := strings.Cut(strings.TrimSpace(line), " ")
		list[kind] = append(list[kind], key)
	}

	return list, nil
}

// unknownList is keys by kind, such as mount.secure; the empty one is the kind itself. [] is a list, * any key of a map.
type unknownList map[string][]string

// refuse returns what Talos's decoder says of the first document that it can't decode.
func (l unknownList) refuse(data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))

	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			return nil //nolint:nilerr // the end, or not YAML: Talos's own code says it
		}

		if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
			continue
		}

		id := documentID{}
		_ = document.Content[0].Decode(&id) // what is no text is none that is listed

		if err := l.refuseDocument(id, document.Content[0]); err != nil {
			return fmt.Errorf("error decoding document %s/%s/%s (line %d): %w",
				id.APIVersion, cmp.Or(id.Kind, mainKind), id.Name, document.Content[0].Line, err)
		}
	}
}

type documentID struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Name       string
}

func (l unknownList) refuseDocument(id documentID, document *yaml.Node) error {
	kind := cmp.Or(id.Kind, mainKind)

	if slices.Contains(l[kind], "") {
		return fmt.Errorf("%q %q: not registered", id.Kind, id.APIVersion)
	}

	var (
		found any
		lists []string
	)

	for _, key := range l[kind] {
		found = merge(found, pick(document, strings.Split(key, "."), &lists))
	}

	if lists != nil { // of one value once; the decoder finds it before it looks for unknown keys
		return fmt.Errorf("error decoding %s to *v1alpha1.Config: yaml: unmarshal errors:\n%s", id.Kind, strings.Join(lists, "\n"))
	}

	if found == nil {
		return nil
	}

	text, err := yaml.Marshal(found)
	if err != nil {
		return err
	}

	return fmt.Errorf("unknown keys found during decoding:\n%s", text)
}

// pick returns the part of a document that a key means, with everything above it, or nil. A list where one value belongs is
// no unknown key: it is noted.
func pick(node *yaml.Node, key []string, lists *[]string) any {
	if len(key) == 0 {
		return node
	}

	switch {
	case node.Kind == yaml.MappingNode:
		found := map[string]any{}

		for i := 0; i < len(node.Content); i += 2 {
			if name := node.Content[i].Value; key[0] == name || key[0] == "*" {
				if below := pick(node.Content[i+1], key[1:], lists); below != nil {
					found[name] = below
				}
			}
		}

		if len(found) > 0 {
			return found
		}
	case node.Kind == yaml.SequenceNode && key[0] == "[]" && len(key) == 1:
		*lists = append(*lists, fmt.Sprintf("  line %d: cannot unmarshal !!seq into string", node.Line))
	case node.Kind == yaml.SequenceNode && key[0] == "[]":
		var found []any

		for _, item := range node.Content {
			if below := pick(item, key[1:], lists); below != nil {
				found = append(found, below)
			}
		}

		if found != nil {
			return found
		}
	}

	return nil
}

// merge adds one picked part to another. Of two lists the first is kept: no kind has two keys in lists.
func merge(into, part any) any {
	one, isMap := into.(map[string]any)
	other, both := part.(map[string]any)

	switch {
	case into == nil:
		return part
	case !isMap || !both:
		return into
	}

	for key, value := range other {
		one[key] = merge(one[key], value)
	}

	return one
}
