// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"slices"
	"strings"
)

// Names of risks, as they are accepted by: a public contract.
const (
	RiskDataLoss         = "data-loss"
	RiskQuorumLoss       = "quorum-loss"
	RiskLastControlPlane = "last-control-plane"
	RiskStorageReplicas  = "storage-replicas"
	RiskPackageSteps     = "package-steps"
	RiskNoIsolation      = "no-isolation"
)

// Risks are the names that there are.
func Risks() []string {
	return []string{RiskDataLoss, RiskQuorumLoss, RiskLastControlPlane, RiskStorageReplicas, RiskPackageSteps, RiskNoIsolation}
}

// Risk is something that may be lost, and why.
type Risk struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// UnacceptedRisksError names the risks that nobody accepted.
type UnacceptedRisksError struct{ Risks []Risk }

func (e *UnacceptedRisksError) Error() string {
	lines := make([]string, len(e.Risks))
	for i, risk := range e.Risks {
		lines[i] = risk.Name + ": " + risk.Why
	}
	return "nothing was done, because risks are not accepted: " + strings.Join(lines, "; ")
}

// Hint says how to accept them.
func (e *UnacceptedRisksError) Hint() string {
	return "take a snapshot first (cozy-install etcd snapshot), and then, if that is what you want: " + acceptFlags(e.Risks)
}

// acceptFlags is how risks are accepted on the command line.
func acceptFlags(risks []Risk) string {
	flags := make([]string, len(risks))
	for i, risk := range risks {
		flags[i] = "--accept-risk " + risk.Name
	}
	return strings.Join(flags, " ")
}

// unaccepted gives the risks that were not accepted.
func unaccepted(risks []Risk, accepted []string) error {
	left := slices.DeleteFunc(slices.Clone(risks), func(r Risk) bool { return slices.Contains(accepted, r.Name) })
	if len(left) > 0 {
		return &UnacceptedRisksError{Risks: left}
	}
	return nil
}

// confirmed asks a person about a plan. Nil: nobody is asked.
func confirmed[Plan any](ask func(Plan) error, plan Plan) error {
	if ask == nil {
		return nil
	}
	return ask(plan)
}

// accepts says whether a person accepted a risk for the whole run.
func (b *bringup) accepts(risk string) bool { return slices.Contains(b.opts.Accept, risk) }
