// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/textdiff"
	"go.yaml.in/yaml/v3"
)

// MachineConfig reads the config that a node of ours runs with. It holds the cluster's secrets.
func (c *Client) MachineConfig(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	active, err := safe.StateGetByID[*configres.MachineConfig](ctx, c.api.COSI, configres.ActiveID)
	if err != nil {
		return nil, c.fail(ctx, "read the machine config", err, nil)
	}

	return active.Provider().Bytes()
}

// Diff is how a running config differs from a wanted one, as a unified diff with the running one as the old side; empty when
// they say the same. Secrets are redacted on both sides: where one differs, its place is named below the diff.
func Diff(running, wanted []byte) (string, error) {
	before, err := readConfig(running)
	if err != nil {
		return "", fmt.Errorf("the running config: %w", err)
	}

	after, err := readConfig(wanted)
	if err != nil {
		return "", fmt.Errorf("the wanted config: %w", err)
	}

	if before.plain == after.plain {
		return "", nil
	}

	text, err := textdiff.DiffWithCustomPaths(before.shown, after.shown, "running", "wanted")
	if err != nil {
		return "", err
	}

	var out strings.Builder

	out.WriteString(clean(text, maxDetails))

	for _, place := range differing(before.secrets, after.secrets) {
		fmt.Fprintf(&out, "# the secret at %s differs\n", clean(place, maxErrorText))
	}

	if out.Len() == 0 {
		out.WriteString("# they differ in what is not shown\n")
	}

	return out.String(), nil
}

// comparableConfig is a config in the one form that two are compared in.
type comparableConfig struct {
	plain   string
	shown   string            // without secrets
	secrets map[string]string // place -> value
}

func readConfig(data []byte) (comparableConfig, error) {
	provider, err := configloader.NewFromBytes(data)
	if err != nil {
		return comparableConfig{}, oneLine(err)
	}

	plain, err := encode(provider)
	if err != nil {
		return comparableConfig{}, err
	}

	hidden, err := hide(provider)
	if err != nil {
		return comparableConfig{}, err
	}

	secrets, err := secretPlaces(plain, hidden)
	if err != nil {
		return comparableConfig{}, err
	}

	shown := strings.ReplaceAll(string(hidden), base64.StdEncoding.EncodeToString([]byte(redacted)), redacted)
	shown = sensitiveLine.ReplaceAllString(shown, "${1}"+redacted)
	shown = loginInURL.ReplaceAllString(shown, "${1}"+redacted+"@")

	return comparableConfig{string(plain), shown, secrets}, nil
}

// hide takes out what Talos itself knows to be secret.
func hide(provider config.Provider) ([]byte, error) { return encode(provider.RedactSecrets(redacted)) }

// secretPlaces finds the values that are redacted in the second of two configs that are else the same, and logins in URLs.
func secretPlaces(plain, hidden []byte) (map[string]string, error) {
	found := map[string]string{}
	left, right := yaml.NewDecoder(bytes.NewReader(plain)), yaml.NewDecoder(bytes.NewReader(hidden))

	for {
		var value, marked map[string]any
		if err := left.Decode(&value); err == io.EOF { //nolint:errorlint // yaml returns it as it is
			return found, nil
		} else if err != nil {
			return nil, err
		}

		if err := right.Decode(&marked); err != nil {
			return nil, err
		}

		kind, _ := value["kind"].(string)
		name, _ := value["name"].(string)
		collect(found, strings.TrimSpace(kind+" "+name), value, marked)
	}
}

func collect(found map[string]string, place string, value, marked any) {
	switch value := value.(type) {
	case map[string]any:
		other, _ := marked.(map[string]any)
		for key := range value {
			collect(found, strings.TrimPrefix(place+"."+key, "."), value[key], other[key])
		}
	case []any:
		other, _ := marked.([]any)
		for i := range min(len(value), len(other)) {
			collect(found, place+"["+strconv.Itoa(i)+"]", value[i], other[i])
		}
	case string:
		if text, _ := marked.(string); text != value || loginInURL.MatchString(value) {
			found[place] = value
		}
	}
}

// differing lists the places that both configs have, with another secret.
func differing(before, after map[string]string) []string {
	places := slices.Sorted(maps.Keys(before))

	return slices.DeleteFunc(places, func(place string) bool {
		other, both := after[place]

		return !both || other == before[place]
	})
}
