// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bundles"
)

// removeDisabled takes away what the site file has turned off and the cluster still has. It comes after everything else was
// brought to what the site file says, so nothing needs it any more. What holds data stays unless its loss was accepted: it is
// named, and the run goes on.
func (b *bringup) removeDisabled(ctx context.Context, tell phase.Tell) error {
	plan, err := b.planRemoval(ctx, b.disabled())
	if err != nil {
		return err
	}
	for _, one := range plan.Packages { // all that will go, before the first of them does
		tell(phase.Item{Name: one.Name, State: "disabled", Is: phase.Waiting, Message: strings.Join(one.Loses, "; ")})
	}
	for _, one := range plan.Kept {
		tell(phase.Item{Name: one.Name, State: "kept", Is: phase.Skipped, Message: "it is disabled: " + one.Reason()})
	}
	b.keptPackages = plan.Kept
	return b.remove(ctx, plan, tell)
}

func (b *bringup) disabled() bundles.RemovalWish {
	return bundles.RemovalWish{Off: true, AcceptLoss: b.accepts(RiskDataLoss)}
}

// disabledSteps are what removeDisabled would do. A cluster that is not there yet has nothing to remove.
func (b *bringup) disabledSteps(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	plan, err := b.planRemoval(ctx, b.disabled())
	if none := (*NoKubeconfigError)(nil); errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return []string{"what was disabled can't be told: " + err.Error()}
	}
	return removalSteps(plan)
}

// removalSteps is a removal in words, a line for each kind of fate.
func removalSteps(plan *bundles.Removal) []string {
	var out, names []string
	for _, one := range plan.Packages {
		name := one.Name
		if len(one.Loses) > 0 {
			name += " (" + strings.Join(one.Loses, "; ") + ")"
		}
		names = append(names, name)
	}
	if len(names) > 0 {
		out = append(out, "remove what is disabled, in this order: "+strings.Join(names, ", "))
	}
	for _, one := range plan.Kept {
		out = append(out, "keep "+one.Name+" although it is disabled: "+one.Reason())
	}
	if len(plan.Others) > 0 {
		out = append(out, "leave what is on the cluster and not of this bundle, see bundle remove --dry-run: "+strings.Join(plan.Others, ", "))
	}
	return out
}
