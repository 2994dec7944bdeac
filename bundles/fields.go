// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Field is one value that differs, as JSON. An empty Old or New: it is not there. Secrets are redacted.
type Field struct {
	Path string `json:"path"` // values.image.tag
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

const redacted = "(redacted)"

// differences are the fields that differ, by path: maps key by key, everything else as a whole.
func differences(before, after any) []Field {
	return differ("", before, after, true, true)
}

func differ(path string, before, after any, was, is bool) []Field {
	old, wasMap := before.(map[string]any)
	now, isMap := after.(map[string]any)
	if (wasMap || !was) && (isMap || !is) && len(old)+len(now) > 0 {
		keys := map[string]bool{}
		for key := range old {
			keys[key] = true
		}
		for key := range now {
			keys[key] = true
		}
		var out []Field
		for _, key := range sortedKeys(keys) {
			o, had := old[key]
			n, has := now[key]
			out = append(out, differ(strings.TrimPrefix(path+"."+escapeKey(key), "."), o, n, had, has)...)
		}
		return out
	}
	if was == is && reflect.DeepEqual(before, after) {
		return nil
	}
	field := Field{Path: path}
	if was {
		field.Old = shown(path, before)
	}
	if is {
		field.New = shown(path, after)
	}
	return []Field{field}
}

// shown is a value in a form that a person may see. Charts call secrets by all kinds of names: rather too much is hidden.
func shown(path string, value any) string {
	secret := secretName()
	text, err := json.Marshal(withoutSecrets(value, secret))
	if secret.MatchString(path) || err != nil {
		return redacted
	}
	return string(text)
}

func withoutSecrets(value any, secret *regexp.Regexp) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range value {
			if out[key] = withoutSecrets(inner, secret); secret.MatchString(key) {
				out[key] = redacted
			}
		}
		if name, ok := value["name"].(string); ok && value["value"] != nil && secret.MatchString(name) {
			out["value"] = redacted // a variable of a container's environment
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, inner := range value {
			out[i] = withoutSecrets(inner, secret)
		}
		return out
	case string:
		if secret.MatchString(value) || strings.Contains(value, "PRIVATE KEY") || strings.Contains(value, "://") && strings.Contains(value, "@") {
			return redacted
		}
	}
	return value
}

func secretName() *regexp.Regexp {
	return regexp.MustCompile(`(?i)passw|passphrase|secret|token|credential|private|api_?-?key|access_?-?key|dsn|auth`)
}

// String is the field in a line: "values.replicas: 1 -> 2".
func (f Field) String() string {
	switch {
	case f.Old == "":
		return fmt.Sprintf("+ %s: %s", f.Path, f.New)
	case f.New == "":
		return fmt.Sprintf("- %s: %s", f.Path, f.Old)
	}
	return fmt.Sprintf("  %s: %s -> %s", f.Path, f.Old, f.New)
}
