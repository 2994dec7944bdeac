// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
)

// An API server that restarts just when a kind is looked at must not end the installation.
func TestAnAPIServerThatIsAwayForAMomentIsAskedForTheKindAgain(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	flux := cluster.flux()
	register(t, cluster, withNames(t, flux), "True")
	asked := 0
	cluster.client.PrependReactor("get", "customresourcedefinitions", func(clienttesting.Action) (bool, runtime.Object, error) {
		asked++
		return asked <= 2, nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	})
	require.NoError(t, flux.Install(within(t, 10*time.Second), registered(t), nil))
	require.Equal(t, 3, asked)
}
