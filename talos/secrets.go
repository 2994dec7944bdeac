// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"go.yaml.in/yaml/v3"
)

// Secrets are the keys, tokens and certificate authorities of one cluster. They are made once: a second set for the
// same cluster locks everybody out. It prints as a placeholder, never as its contents. Safe for concurrent use.
type Secrets struct {
	bundle *secrets.Bundle
}

// NewSecrets makes the secrets of a new cluster. It draws randomness, so no two calls agree. The authorities are valid
// from now for ten years.
func NewSecrets(talosVersion string, now time.Time) (*Secrets, error) {
	target, err := parseContract(talosVersion)
	if err != nil {
		return nil, fmt.Errorf("make secrets: %w", err)
	}

	bundle, err := secrets.NewBundle(secrets.NewFixedClock(now), target.VersionContract)
	if err != nil {
		return nil, fmt.Errorf("make secrets: %w", err)
	}

	return &Secrets{bundle}, nil
}

// ParseSecrets reads what [Secrets.Marshal] or "talosctl gen secrets" wrote. Errors never quote the data.
func ParseSecrets(data []byte) (*Secrets, error) {
	bundle := &secrets.Bundle{Clock: secrets.NewClock()}

	if err := yaml.Unmarshal(data, bundle); err != nil {
		return nil, fmt.Errorf("read Talos secrets: not a secrets bundle%s", yamlLine(err))
	}

	if err := bundle.Validate(); err != nil {
		return nil, fmt.Errorf("read Talos secrets: %w", oneLine(err))
	}

	return &Secrets{bundle}, nil
}

// Marshal writes the secrets as Talos's own secrets.yaml, which talosctl reads too.
func (s *Secrets) Marshal() ([]byte, error) {
	data, err := yaml.Marshal(s.bundle)
	if err != nil {
		return nil, errors.New("write Talos secrets: they do not encode as YAML")
	}

	return data, nil
}

var lineNumber = regexp.MustCompile(`line \d+`)

// yamlLine keeps the place of a YAML error, " (line 3)", and drops its text, which quotes values.
func yamlLine(err error) string {
	if place := lineNumber.FindString(err.Error()); place != "" {
		return " (" + place + ")"
	}

	return ""
}

// oneLine turns errors that Talos's library spreads over several lines, lists above all, into one line. Nobody decides
// on their types.
func oneLine(err error) error {
	type list interface{ WrappedErrors() []error }

	all := []error{err}

	var many list
	if errors.As(err, &many) {
		all = many.WrappedErrors()
	}

	texts := make([]string, 0, len(all))
	for _, each := range all {
		texts = append(texts, strings.Join(strings.Fields(each.Error()), " "))
	}

	return errors.New(strings.Join(texts, "; "))
}
