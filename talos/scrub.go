// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// minSecret is the shortest text that is taken for a secret, in bytes. A shorter one would stand by chance in many places.
const minSecret = 8

// Scrubber takes secrets out of texts: those it knows in every form they usually have, and what has the form of a secret.
// Safe for concurrent use.
type Scrubber struct{ known *strings.Replacer }

// NewScrubber knows the cluster's secrets (nil: there are none yet), words that are secrets, and those in YAML documents
// such as a talosconfig or a kubeconfig: what stands at keys that name a secret. CA certificates and the cluster's ID are
// not secret. After an error it is there all the same, and knows what could be read.
func NewScrubber(s *Secrets, words []string, documents ...[]byte) (*Scrubber, error) {
	var errs []error

	if s != nil {
		data, err := s.Marshal()
		documents, errs = append(documents, data), append(errs, err)
	}

	for _, document := range documents {
		var tree yaml.Node
		if err := yaml.Unmarshal(document, &tree); err != nil {
			errs = append(errs, fmt.Errorf("look for secrets: not YAML%s", yamlLine(err)))
		}

		walkSecrets(&tree, func(value *yaml.Node) { words = append(words, value.Value) })
	}

	var pairs []string

	for _, word := range words {
		for _, form := range secretForms(word) {
			pairs = append(pairs, form, redacted)
		}
	}

	return &Scrubber{strings.NewReplacer(pairs...)}, errors.Join(errs...)
}

// secretForms are the texts in which a secret shows: as it is, in base64 as in a Kubernetes Secret, a PEM file's lines,
// and a token's second half, which is its secret one.
func secretForms(value string) []string {
	if len(value) < minSecret {
		return nil
	}

	forms := []string{value, base64.StdEncoding.EncodeToString([]byte(value))}

	if _, half, isToken := strings.Cut(value, "."); isToken && len(half) == 16 {
		forms = append(forms, half, base64.StdEncoding.EncodeToString([]byte(half)))
	}

	for _, line := range pemLines(value) {
		if len(line) >= minSecret {
			forms = append(forms, line)
		}
	}

	return forms
}

var (
	// privateKey is a PEM file with a key, also one inside JSON, or indented, or cut off.
	privateKey = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=\s]|\\n)*(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?`)
	// inlineConfig is a machine config on the kernel's command line, which the kernel logs.
	inlineConfig = regexp.MustCompile(`(talos\.config(?:\.inline|\.oauth\.client_secret)=)\S+`)
	// urlPassword is a password in a URL.
	urlPassword = regexp.MustCompile(`([a-z][a-z0-9+.-]*://[^\s/:@"']*:)[^\s/@"']+@`)
	// ageIdentity is a private key of age.
	ageIdentity = regexp.MustCompile(`AGE-SECRET-KEY-1[0-9A-Z]+`)
	// bearer is a token of an HTTP request that somebody logged.
	bearer = regexp.MustCompile(`(?i)((?:bearer|basic) )[a-z0-9._~+/=-]{16,}`)
)

// Scrub gives the text without secrets.
func (s *Scrubber) Scrub(text []byte) []byte {
	clean := s.known.Replace(string(text))
	clean = privateKey.ReplaceAllString(clean, redacted)
	clean = inlineConfig.ReplaceAllString(clean, "${1}"+redacted)
	clean = urlPassword.ReplaceAllString(clean, "${1}"+redacted+"@")
	clean = ageIdentity.ReplaceAllString(clean, redacted)

	return []byte(bearer.ReplaceAllString(clean, "${1}"+redacted))
}
