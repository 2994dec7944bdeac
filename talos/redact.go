// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"go.yaml.in/yaml/v3"
)

const redacted = "(redacted)"

// Secrets and Credentials print as their name only, whatever the verb: %d and %x would else show the bytes.

// Format implements fmt.Formatter.
func (s Secrets) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// String implements fmt.Stringer.
func (Secrets) String() string { return "talos secrets " + redacted }

// GoString implements fmt.GoStringer.
func (s Secrets) GoString() string { return s.String() }

// LogValue implements slog.LogValuer.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON keeps the secrets out of JSON logs. [Secrets.Marshal] writes them.
func (s Secrets) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// Format implements fmt.Formatter.
func (c Credentials) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, c.String()) }

// String implements fmt.Stringer.
func (Credentials) String() string { return "talos credentials " + redacted }

// GoString implements fmt.GoStringer.
func (c Credentials) GoString() string { return c.String() }

// LogValue implements slog.LogValuer.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON keeps the key out of JSON logs.
func (c Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + c.String() + `"`), nil }

// Hidden is a password. It prints as a placeholder, whatever the verb, and is read by converting it to a string.
type Hidden string

// Format implements fmt.Formatter.
func (h Hidden) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, h.String()) }

// String implements fmt.Stringer.
func (Hidden) String() string { return redacted }

// LogValue implements slog.LogValuer.
func (h Hidden) LogValue() slog.Value { return slog.StringValue(h.String()) }

// MarshalJSON keeps the password out of JSON logs.
func (h Hidden) MarshalJSON() ([]byte, error) { return []byte(`"` + h.String() + `"`), nil }

// loginInURL matches what stands before the host of a URL: a proxy's user and password.
var loginInURL = regexp.MustCompile(`(://)[^/?#\s"']*@`)

// sensitiveLine matches a line of YAML, or of a diff of YAML, whose key names a secret of a machine config. It is for
// secrets we cannot know: those of the config that a node had before.
var sensitiveLine = regexp.MustCompile(
	`(?m)^([-+ ]?\s*(?:- )?(?:key|token|secret|bootstraptoken|secretboxEncryptionSecret|aescbcEncryptionSecret|` +
		`password|auth|identityToken|privateKey|passphrase):[ \t]*)\S.*$`)

// redactConfig takes the secrets of a machine config out of a text that a node wrote about it: a diff, or the
// reason of a refusal. A config that does not load gives the text without sensitive lines.
func redactConfig(text string, config []byte) string {
	text = sensitiveLine.ReplaceAllString(text, "${1}"+redacted)
	text = loginInURL.ReplaceAllString(text, "${1}"+redacted+"@")

	for _, secret := range configSecrets(config) {
		text = strings.ReplaceAll(text, secret, redacted)
	}

	return text
}

// configSecrets lists the values that Talos's own redaction would hide, longest first, so that no secret's tail is
// left over where a shorter one is its beginning.
func configSecrets(config []byte) []string {
	provider, err := configloader.NewFromBytes(config)
	if err != nil {
		return nil
	}

	const mark = "cozy-install-redacted"

	hidden, err := encode(provider.RedactSecrets(mark))
	if err != nil {
		return nil
	}

	var found []string

	left, right := yaml.NewDecoder(bytes.NewReader(config)), yaml.NewDecoder(bytes.NewReader(hidden))

	for {
		var plain, marked any
		if left.Decode(&plain) != nil || right.Decode(&marked) != nil {
			break
		}

		found = appendMarked(found, plain, marked)
	}

	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })

	return found
}

// appendMarked walks two trees of the same shape and collects the strings of the first that the second has replaced.
func appendMarked(found []string, plain, marked any) []string {
	switch value := plain.(type) {
	case map[string]any:
		other, _ := marked.(map[string]any)
		for key := range value {
			found = appendMarked(found, value[key], other[key])
		}
	case []any:
		other, _ := marked.([]any)
		for i := range min(len(value), len(other)) {
			found = appendMarked(found, value[i], other[i])
		}
	case string:
		// Talos writes the mark as it is, or base64 where it wants bytes: any change is a redaction. An empty value
		// would match everywhere.
		if text, ok := marked.(string); ok && text != value && value != "" {
			found = append(append(found, value), pemLines(value)...)
		}
	}

	return found
}

// pemLines are the lines of key in a PEM file that is written as base64, as machine configs have their keys.
func pemLines(encoded string) []string {
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !bytes.HasPrefix(plain, []byte("-----BEGIN")) {
		return nil
	}

	return slices.DeleteFunc(strings.Split(string(plain), "\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "-----")
	})
}

// clean makes text of a node fit for a terminal: no control characters but tab and newline, and a bounded length.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}

		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, "\uFFFD"))

	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}

	return text
}
