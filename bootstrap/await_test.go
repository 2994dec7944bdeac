// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

func TestWaitingGoesOnOnlyForWhatTimeCanCure(t *testing.T) {
	for _, final := range []error{
		&ForeignNodeError{}, &NoSecretsError{}, &TwoSecretsError{}, &BrokenSecretsError{Err: errors.New("x")}, &NoKubeconfigError{},
		&workdir.BrokenJournalError{Err: errors.New("x")}, &LostBootstrapNodeError{}, &kube.TakenError{Err: errors.New("x")},
		&SecureBootError{},
	} {
		require.True(t, isFinal(final), "%T", final)
		require.True(t, isFinal(errors.Join(errors.New("beside"), fmt.Errorf("on cp1: %w", final))), "%T", final)
	}
	for _, passing := range []error{
		nil, errors.New("x"), &MissingNodesError{}, &LostEtcdError{}, &SplitEtcdError{}, context.DeadlineExceeded,
		&kube.UnreachableError{Err: errors.New("x")}, &kube.NotYetError{},
		&UnapprovedError{}, &UnlikeApprovedError{},
	} {
		require.False(t, isFinal(passing), "%T", passing)
	}
}

func TestAwaitSaysEachReasonOnceAndEndsWithTheLast(t *testing.T) {
	b := withoutSecrets(t, parseSite(t, "", ""))
	b.opts.NodeTimeout = 1200 * time.Millisecond
	var said []string
	tries := 0
	err := b.await(t.Context(), func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
		"the moon", 0, func(context.Context) error {
			if tries++; tries == 1 {
				return errors.New("it is new")
			}
			return errors.New("it is behind a cloud")
		})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "waiting for the moon: ")
	require.ErrorContains(t, err, "it is behind a cloud")
	require.Equal(t, []string{"it is new", "it is behind a cloud"}, said)
}
