// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/cozystack/cozy-install/bootstrap/kube"
)

func TestAGateAsksWorkersThatPassedItNoMore(t *testing.T) {
	b := withSecrets(t, parseSite(t, "", ""))
	b.cluster = &kube.Client{Typed: readyCluster{fake.NewClientset()}}
	all := func(*kube.Client, context.Context, []string) error { return nil }
	g := &gate{bringup: b, assert: all, checks: checksNamed("apid"), passed: map[string]bool{}}

	asked := func() []string {
		var failure *UnhealthyError
		require.ErrorAs(t, g.pass(t.Context()), &failure) // nobody is there
		return failure.nodes()
	}
	require.Equal(t, []string{"cp1", "cp2", "cp3", "w1"}, asked())
	require.Equal(t, []string{"cp1", "cp2", "cp3", "w1"}, asked(), "who failed is asked again")

	g.remember(b.expected(), []string{"cp3"})
	require.Equal(t, []string{"cp1", "cp2", "cp3"}, asked(), "a control plane is held against the others each time")
}
