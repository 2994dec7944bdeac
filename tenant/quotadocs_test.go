// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
)

// TestQuotaKeysAreDocumentedAsTheyAre reads the table of docs/tenant-quotas.md: the rules take each key, and it bounds what is said.
func TestQuotaKeysAreDocumentedAsTheyAre(t *testing.T) {
	page, err := os.ReadFile("../docs/tenant-quotas.md")
	require.NoError(t, err)

	pair := regexp.MustCompile("`([^`]+): ([^`: ]+)`")
	rows := 0

	for line := range strings.SplitSeq(string(page), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || !pair.MatchString(cells[1]) {
			continue
		}

		key := pair.FindStringSubmatch(cells[1])
		bound := bounds(key[1], key[2])
		hard := map[string]string{}

		for _, one := range pair.FindAllStringSubmatch(cells[2], -1) {
			hard[one[1]] = one[2]
		}

		require.Equal(t, hard, written(bound.Hard()), line)

		_, refused := tenant.Resolve([]tenant.Tenant{root(), {Namespace: "tenant-root", Name: "a", Bounds: bound}})
		require.Empty(t, refused, line)

		rows++
	}

	require.Equal(t, 13, rows)
}
