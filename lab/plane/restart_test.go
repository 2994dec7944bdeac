// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What works after it is shown by the parts that follow.
func (p onPlane) processesAreRestarted(t *testing.T) {
	account, err := p.client.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
	require.NoError(t, err)
	before := p.Processes()
	names := []string{ControlPlaneProcess, SourceControllerProcess, HelmControllerProcess}
	for _, name := range names {
		require.NoError(t, p.Restart(t.Context(), name))
	}
	after := p.Processes()
	require.Len(t, after, len(before))
	for i, process := range after {
		require.Equal(t, before[i].Name, process.Name)
		if process.Name == "kwok" {
			require.Equal(t, before[i].PID, process.PID)
			continue
		}
		require.Contains(t, names, process.Name)
		require.NotEqual(t, before[i].PID, process.PID, process.Name)
		require.False(t, running(before[i].PID), process.Name)
	}
	again, err := p.client.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, account.UID, again.UID, "the data is kept")
	require.NoError(t, p.Err())

	require.ErrorContains(t, p.Restart(t.Context(), "kwok"), "nobody knows how to start it")
	require.ErrorContains(t, p.Restart(t.Context(), "other"), "no such process")
	require.NoError(t, p.Err())
}
