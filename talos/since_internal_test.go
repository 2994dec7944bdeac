// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/stretchr/testify/require"
)

// TestTheKeysOfEachReleaseAreThoseOfItsTypes compares with the lists that the lab's simulated nodes go by. These are made
// from the types of each version, which a test beside them does again.
func TestTheKeysOfEachReleaseAreThoseOfItsTypes(t *testing.T) {
	for file, reader := range map[string]*config.VersionContract{"1.11.txt": config.TalosVersion1_11, "1.12.txt": config.TalosVersion1_12} {
		text, err := os.ReadFile("../lab/fleet/talosim/unknown/" + file)
		require.NoError(t, err)

		var ours []string

		for _, r := range releases() {
			if !r.version.Greater(reader) {
				continue
			}

			ours = append(ours, r.documents...)

			for kind, keys := range r.keys {
				for _, key := range keys {
					ours = append(ours, strings.TrimSpace(kind+" "+key))
				}
			}
		}

		// A kind that came later is one line there; here it may have a further key of a release after that.
		ours = slices.DeleteFunc(ours, func(line string) bool {
			kind, _, isKey := strings.Cut(line, " ")

			return isKey && slices.Contains(ours, kind)
		})

		theirs := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), "v1alpha1 ", "")), "\n")
		slices.Sort(ours)
		slices.Sort(theirs)
		require.Equal(t, theirs, slices.Compact(ours), file)
	}
}
