// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSizesAreReadAsKubernetesWritesThem(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "1Ki": 1 << 10, "500Mi": 500 << 20, "20Gi": 20 << 30, "1.5Gi": 3 << 29, "1GiB": 1 << 30, "1GB": 1e9,
	} {
		var got int64
		require.NoError(t, bytesFlag{&got}.Set(text), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-1", "much", "10Xi", "99999999999Gi", "9Ei"} {
		got := int64(7)
		require.ErrorContains(t, bytesFlag{&got}.Set(text), "20Gi", text)
		require.EqualValues(t, 7, got, text)
	}
}
