// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/phase"
)

// packageSteps are what packages of the bundle want a person to do before a node is taken out, such as moving the replicas of its
// volumes: "linstor: move the replicas". They are not done here.
func (b *bringup) packageSteps() []string {
	var out []string
	for _, p := range b.plan.Packages {
		for _, step := range p.NodeRemoval {
			out = append(out, p.Name+": "+step)
		}
	}
	return out
}

// stepRisks is the risk of steps that nobody has done. Whoever accepts it says that they are done.
func (b *bringup) stepRisks() []Risk {
	steps := b.packageSteps()
	if len(steps) == 0 {
		return nil
	}
	return []Risk{{RiskPackageSteps, "not done by this command, and to be done by you before: " + strings.Join(steps, "; ")}}
}

// namePackageSteps names the steps at their place among the others. Without steps there is no phase.
func (b *bringup) namePackageSteps() []phase.Phase {
	steps := b.packageSteps()
	if len(steps) == 0 {
		return nil
	}
	return []phase.Phase{{
		ID: "packages", Title: "rely on what packages want a person to have done",
		Plan: func(context.Context) ([]string, error) { return steps, nil },
		Run: func(_ context.Context, say phase.Say) error {
			for _, step := range steps {
				say("taken for done: %s", step)
			}
			return nil
		},
	}}
}
