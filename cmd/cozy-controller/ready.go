// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// fillTimeout bounds one look at the caches. The probe that asks gives up after a second.
const fillTimeout = 500 * time.Millisecond

// readiness is what /readyz says. A standby is ready when it could take over. A leader is ready when its caches are filled and
// it has gone through all tenants once; until then also while it waits for what is not its own to bring: the kinds of tenants,
// which a bundle may never have, and rights. Both come with charts that it serves, and nobody is led to a pod that is not ready.
//
// It is safe for concurrent use.
type readiness struct {
	elected <-chan struct{}
	lease   *leaseSight // nil: nobody is elected

	mu      sync.Mutex
	holds   func(context.Context) error // why the leader is not ready; nil: it has not begun
	refused error                       // of the last request that the API server refused it as not allowed
}

// check says why the controller is not ready; nil: it is.
func (r *readiness) check(ctx context.Context) error {
	select {
	case <-r.elected:
		return r.leads(ctx)
	default:
	}

	if r.lease == nil {
		return errors.New("the controller is starting")
	}

	return r.lease.canTakeOver()
}

func (r *readiness) leads(ctx context.Context) error {
	r.mu.Lock()
	holds := r.holds
	r.mu.Unlock()

	err := errors.New("the controller is starting")
	if holds != nil {
		err = holds(ctx)
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	if r.refused != nil {
		return nil
	}

	return err
}

// asks begins the wait for a kind: the API server has not said yet whether it is there.
func (r *readiness) asks(crd string) {
	r.begin(func(context.Context) error {
		return fmt.Errorf("asking the API server for the custom resource definition %s", crd)
	})
}

// rests ends a wait, or waits for others: a kind that is not there.
func (r *readiness) rests() { r.begin(func(context.Context) error { return nil }) }

// fills waits for caches. Once they are filled watches keep them so, and it is not asked again.
func (r *readiness) fills(isFilled func(context.Context) bool) {
	r.begin(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, fillTimeout)
		defer cancel()

		if !isFilled(ctx) {
			return errors.New("the caches are being filled")
		}

		r.rests()

		return nil
	})
}

// heard is told of errors of lists and watches, which are tried again.
func (r *readiness) heard(err error) {
	if !apierrors.IsForbidden(err) {
		return
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	r.refused = err
}

func (r *readiness) begin(holds func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.holds, r.refused = holds, nil
}
