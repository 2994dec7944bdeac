// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"strings"
)

// PlainHTTPError says that a registry speaks HTTP where TLS was expected.
type PlainHTTPError struct{ Repository string }

func (e *PlainHTTPError) Error() string {
	return fmt.Sprintf("chart repository %s: the registry speaks plain HTTP", e.Repository)
}

// Hint tells how to allow that.
func (e *PlainHTTPError) Hint() string {
	return fmt.Sprintf("if you trust the network to it, write %s%s", plainRegistry, strings.TrimPrefix(e.Repository, registry))
}

// DeniedError says that a registry wants another login than it got, or one at all.
type DeniedError struct {
	Registry string // a host, with a port where it has one
	Plain    bool   // it is spoken to in plain HTTP, so it got none
	Err      error
}

func (e *DeniedError) Error() string { return e.Err.Error() }
func (e *DeniedError) Unwrap() error { return e.Err }

// Hint says how it would get one.
func (e *DeniedError) Hint() string {
	if e.Plain {
		return "no login is sent in plain HTTP: give " + e.Registry + " TLS and write " + registry + ", or let charts be read there without a login"
	}
	return "log in: helm registry login " + e.Registry
}
