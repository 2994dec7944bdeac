// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHintsQuoteThePathsOfArchives: they are commands to copy, and a path may have spaces.
func TestHintsQuoteThePathsOfArchives(t *testing.T) {
	for _, err := range []interface{ Hint() string }{
		&SilentRegistryError{Store: "/srv/my images"},
		&LostStoreError{File: "/srv/my images"},
		&LostAssetsError{File: "/srv/my images"},
	} {
		require.Contains(t, err.Hint(), " '/srv/my images'", "%T", err)
	}
}
