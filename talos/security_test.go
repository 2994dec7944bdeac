// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestAFingerprintFromAConsoleIsTheOneThatAProbeSees(t *testing.T) {
	config := maintenanceTLS(t)

	answer, err := talos.Probe(t.Context(), (&fakeNode{}).serve(t, config), nil)
	require.NoError(t, err)

	got, err := talos.ParseFingerprint("  " + answer.Fingerprint + "\n")
	require.NoError(t, err)
	require.Equal(t, answer.Fingerprint, got)

	for _, wrong := range []string{
		"", "AAAA", answer.Fingerprint[:43], answer.Fingerprint + answer.Fingerprint, "SHA256:" + answer.Fingerprint, "\x1b[2J",
	} {
		_, err := talos.ParseFingerprint(wrong)

		var bad *talos.FingerprintError
		require.ErrorAs(t, err, &bad, wrong)
		require.NotContains(t, err.Error(), "\x1b")
		require.Contains(t, bad.Hint(), "44")
	}
}
