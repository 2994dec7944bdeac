// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bundles"
)

func TestAKindThatIsNotServedEndsNoWait(t *testing.T) {
	steps := shippedSteps(t, "linstor", worker1, bundles.StepLeave)
	for i := range steps {
		steps[i].Timeout = metav1.Duration{Duration: time.Second}
	}
	for _, undefined := range []bool{false, true} {
		away := &kube.UnservedError{APIVersion: "piraeus.io/v1", Kind: "LinstorSatellite", Undefined: undefined}
		c := &stepsCluster{err: away}
		var endless *UnendingStepError
		err := doAll(t.Context(), c, worker1, steps, func(phase.Item) {})
		require.ErrorAs(t, err, &endless)
		require.ErrorIs(t, err, away, "what was deleted is not what was moved")
		err = refuse(t.Context(), c, worker1, shippedSteps(t, "linstor", worker1, ""))
		if undefined {
			require.NoError(t, err, "there can't be any")
		} else {
			require.ErrorIs(t, err, away)
		}
	}
}

func TestAWaitOfHoursDoesNotAskTwiceASecond(t *testing.T) {
	for _, step := range shippedSteps(t, "linstor", worker1, bundles.StepLeave) {
		switch interval := stepInterval(step.Limit()); {
		case step.Timeout.Duration > time.Hour:
			require.Equal(t, slowInterval, interval, step.Title)
		default:
			require.Zero(t, interval, step.Title)
		}
	}
}
