// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cozystack/cozy-install/tenant/application"
)

// reasonStepFailed is that of a step at which the API server, or what lies before it, refused or broke something.
const reasonStepFailed = "StepFailed"

// maxFailure bounds what a condition tells of a failure, in bytes. Kubernetes takes 32768 in a message; the log has the whole.
const maxFailure = 1024

// failed makes an error of a step the step's condition, and has it tried again with back-off. A conflict is none, as the newer
// state comes with an event, and nothing can be told once the controller ends: both come back as errors.
//
// The text is the API server's. It may quote what users ordered in the tenant's namespace, which whoever sees the tenant may
// read there. No step of a tenant writes a Secret.
func failed(ctx context.Context, err error) (step, error) {
	if apierrors.IsConflict(err) || ctx.Err() != nil {
		return step{}, err
	}

	message := application.Clip(err.Error(), maxFailure) + "; it is tried again"

	return step{reason: reasonStepFailed, message: message, retry: err}, nil
}
