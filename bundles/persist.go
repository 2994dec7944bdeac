// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
)

// persist makes an attempt, and makes it again for half a minute while the API server is away or overloaded: it restarts
// while a cluster grows. It returns the last attempt's error, or the context's if there was no attempt.
func persist(ctx context.Context, attempt func(context.Context) error) error {
	return persistOver(ctx, isPassing, attempt)
}

// persistOver is persist for errors of one kind only.
func persistOver(ctx context.Context, passes func(error) bool, attempt func(context.Context) error) error {
	var last error
	pauses := wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.1, Steps: 8, Cap: 10 * time.Second}
	err := wait.ExponentialBackoffWithContext(ctx, pauses, func(ctx context.Context) (bool, error) {
		last = attempt(ctx)
		return last == nil || !passes(last), nil
	})
	if last != nil {
		return last
	}
	return err
}

// isPassing reports errors that a restarting or overloaded API server gives, as against those of a refused object. Errors
// of the connection have no reason at all.
func isPassing(err error) bool {
	return apierrors.ReasonForError(err) == metav1.StatusReasonUnknown || apierrors.IsServerTimeout(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err) ||
		apierrors.IsTimeout(err)
}

// isCut reports that the connection broke, which says nothing of what was asked. A deadline that passed is no such error.
func isCut(err error) bool {
	return utilnet.IsConnectionReset(err) || utilnet.IsConnectionRefused(err) || utilnet.IsHTTP2ConnectionLost(err) ||
		utilnet.IsProbableEOF(err) || errors.Is(err, io.ErrUnexpectedEOF)
}
