// SPDX-License-Identifier: Apache-2.0

package application

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/workqueue"

	"github.com/cozystack/cozy-install/tenant/controller/watch"
)

// asked is what was asked for by hand since it was last looked at, in order, but for what is to be acted on later.
func asked[key comparable](t *testing.T, wakes *watch.Wakes[key]) (all []key) {
	t.Helper()

	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[key]())
	defer queue.ShutDown()

	require.NoError(t, wakes.Start(t.Context(), queue))
	*wakes = watch.Wakes[key]{}

	for queue.Len() > 0 {
		one, _ := queue.Get()
		all = append(all, one)
		queue.Done(one)
	}

	return all
}
