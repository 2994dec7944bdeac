// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// askTimeout bounds one try of a wait that asks a few machines or the Kubernetes API.
const askTimeout = time.Minute

// await repeats an assertion until it holds, until it is final, or until Options.NodeTimeout is over, and says each time
// the reason for waiting changes. The title completes "waiting for ...". A zero each leaves one try as long as it takes.
func (b *bringup) await(ctx context.Context, say phase.Say, title string, each time.Duration, assert func(context.Context) error) error {
	return wait.Until(ctx, wait.Check{
		Title: title, Timeout: b.opts.nodeTimeout(), ProbeTimeout: each,
		Failed: b.tells(say),
		Probe: func(ctx context.Context) error {
			err := assert(ctx)
			if isFinal(err) {
				return wait.Final(err)
			}
			return err
		},
	})
}

// isFinal says that waiting cannot cure an error: a person must do something first.
func isFinal(err error) bool {
	var (
		foreign      *ForeignNodeError
		noSecrets    *NoSecretsError
		two          *TwoSecretsError
		broken       *BrokenSecretsError
		noKubeconfig *NoKubeconfigError
		journal      *workdir.BrokenJournalError
		lost         *LostBootstrapNodeError
		taken        *kube.TakenError
		secureBoot   *SecureBootError
		restoring    *PendingRestoreError
		wrongDisk    *WrongDiskError
		clock        *ClockSkewError
		double       *DoubleError
		takenAddress *TakenAddressError
		unknown      *UnknownMemberError
		refusedRoot  *RefusedRootError
	)
	return errors.As(err, &foreign) || errors.As(err, &noSecrets) || errors.As(err, &two) || errors.As(err, &broken) ||
		errors.As(err, &noKubeconfig) || errors.As(err, &journal) || errors.As(err, &lost) || errors.As(err, &taken) ||
		errors.As(err, &secureBoot) || errors.As(err, &restoring) || errors.As(err, &wrongDisk) ||
		errors.As(err, &clock) || errors.As(err, &double) || errors.As(err, &takenAddress) || errors.As(err, &unknown) ||
		errors.As(err, &refusedRoot)
}
