// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/workqueue"
)

// taken is all that can be acted on now, in order.
func taken(queue workqueue.TypedRateLimitingInterface[string]) (all []string) {
	synctest.Wait()

	for queue.Len() > 0 {
		one, _ := queue.Get()
		all = append(all, one)
		queue.Done(one)
	}

	return all
}

func TestRequestsAreKeptUntilTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
		defer queue.ShutDown()

		var wakes Wakes[string]
		wakes.Add("b", "a")
		wakes.AddAfter(time.Second, "later", "b", "soon")
		wakes.Add("c", "a", "soon")

		require.NoError(t, wakes.Start(t.Context(), queue))
		require.Equal(t, []string{"b", "a", "soon", "c"}, taken(queue))

		time.Sleep(time.Second)
		require.Equal(t, []string{"later"}, taken(queue))

		wakes.Add("d")
		require.Equal(t, []string{"d"}, taken(queue))
	})
}

func TestWhatIsAskedForLaterIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
		defer queue.ShutDown()

		var wakes Wakes[string]
		require.NoError(t, wakes.Start(t.Context(), queue))

		for range 5 {
			wakes.AddAfter(time.Second, "root")
			time.Sleep(100 * time.Millisecond)
		}

		require.Empty(t, taken(queue))
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, []string{"root"}, taken(queue), "a second after the first, and not after the last")
		time.Sleep(time.Minute)
		require.Empty(t, taken(queue))
	})
}
