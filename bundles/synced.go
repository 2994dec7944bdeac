// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// syncTimeout is how long a watch may take to know the present state. It has to outlast an API server that restarts.
const syncTimeout = 2 * time.Minute

// ForbiddenError says what the kubeconfig does not permit.
type ForbiddenError struct {
	Resource schema.GroupResource
	Err      error
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("the kubeconfig may not list and watch %s in all namespaces: %v", e.Resource, e.Err)
}

// Unwrap gives the API server's answer.
func (e *ForbiddenError) Unwrap() error { return e.Err }

// Hint says what it takes.
func (e *ForbiddenError) Hint() string {
	return "use a kubeconfig of a cluster administrator, or have one permit it: kubectl create clusterrole cozy-install-watch --verb=get,list,watch --resource=" +
		e.Resource.String() + ", bound to its user"
}

// startSynced runs an informer until ctx ends, and returns when it knows the present state. An informer by itself tries for ever
// what it may not do.
func startSynced(
	ctx context.Context, running *sync.WaitGroup, informer cache.SharedIndexInformer, resource schema.GroupResource, timeout time.Duration,
) error {
	var lock sync.Mutex
	var last error
	syncing, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		lock.Lock()
		defer lock.Unlock()
		if last = err; apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			cancel(&ForbiddenError{Resource: resource, Err: err})
		}
	})
	if err != nil {
		return err
	}
	timer := time.AfterFunc(timeout, func() {
		lock.Lock()
		defer lock.Unlock()
		cancel(errors.Join(fmt.Errorf("no answer within %s", timeout), last))
	})
	defer timer.Stop()
	running.Go(func() { informer.RunWithContext(ctx) })
	if !cache.WaitForCacheSync(syncing.Done(), informer.HasSynced) {
		return context.Cause(syncing)
	}
	return nil
}
