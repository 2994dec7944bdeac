// SPDX-License-Identifier: Apache-2.0

package application

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/application"
)

func (l *lab) reconcileDepot() error {
	_, err := (&reconciler{l.world}).Reconcile(l.t.Context(), request{kind: "Depot", key: client.ObjectKey{Namespace: "tenant-alpha", Name: "one"}})

	return err
}

// TestADeletionThatFailsSaysSo: whatever the API server refuses, the application tells it, and it is tried again.
func TestADeletionThatFailsSaysSo(t *testing.T) {
	for name, refused := range map[string]struct {
		call        string
		isSuspended bool // the HelmRelease is
		isReleased  bool // the HelmRelease is there still
	}{
		"asking for its release":   {"list HelmReleaseList", false, true},
		"deleting its release":     {"delete HelmRelease depot-one", false, true},
		"resuming its release":     {"update HelmRelease depot-one", true, true},
		"taking its finalizer off": {"patch Depot one", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, flux(), depots(), depotNamed("one", nil))
			l.settle()

			release := l.releaseOf("depot-one")
			if refused.isReleased {
				l.change(release, func(o map[string]any) { o["spec"].(map[string]any)["suspend"] = refused.isSuspended })
			} else {
				require.NoError(t, l.client.Delete(t.Context(), release))
			}

			l.delete(l.depot("one"))

			l.fails = func(call string) error {
				if call != refused.call {
					return nil
				}

				return errors.New("refused by a webhook: " + strings.Repeat("x", 2*maxMessage))
			}

			require.ErrorContains(t, l.reconcileDepot(), "refused by a webhook")

			reason, message := l.ready(l.depot("one"))
			require.Equal(t, application.ReasonDeleting, reason)
			require.Contains(t, message, "removing it failed and is tried again: ")
			require.Contains(t, message, "refused by a webhook")
			require.Less(t, len(message), maxMessage+100)

			now := time.Now().Add(deletionTime + time.Minute)
			l.now = func() time.Time { return now }
			require.Error(t, l.reconcileDepot())

			reason, _ = l.ready(l.depot("one"))
			require.Equal(t, ReasonDeletionOverdue, reason)

			l.fails = nil
			l.settle()
			require.Nil(t, l.depot("one"))
		})
	}
}

// A conflict is no failure: the newer state is on its way.
func TestAConflictInADeletionSaysNothing(t *testing.T) {
	l := newLab(t, flux(), depots(), depotNamed("one", nil))
	l.settle()
	l.delete(l.depot("one"))

	l.fails = func(call string) error {
		if call != "delete HelmRelease depot-one" {
			return nil
		}

		return apierrors.NewConflict(schema.GroupResource{Resource: "helmreleases"}, "depot-one", errors.New("it changed"))
	}

	before, _ := l.ready(l.depot("one"))
	require.NoError(t, l.reconcileDepot())

	after, _ := l.ready(l.depot("one"))
	require.Equal(t, before, after)
}
