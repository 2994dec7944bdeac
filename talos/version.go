// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/compatibility"
)

// JumpError says that a version cannot be reached from another in one step.
type JumpError struct {
	Product  string // Talos or Kubernetes
	From, To string // v1.12.4
	Rule     string
	hint     string
}

// Error implements error.
func (e *JumpError) Error() string {
	return fmt.Sprintf("upgrade %s from %s to %s: %s", e.Product, e.From, e.To, e.Rule)
}

// Hint says what to do.
func (e *JumpError) Hint() string { return e.hint }

// CheckTalosUpgrade says whether a node may go from one version of Talos to another in one step: to the same minor
// version or the next one, never back. Those are the steps that Talos tests; its own table knows single versions that
// are denied besides. Equal versions are no error. The error is a [*JumpError] or a [*VersionError].
func CheckTalosUpgrade(from, to string) error {
	if err := checkJump("Talos", "talos.version", from, to); err != nil {
		return err
	}

	host, err := compatibility.ParseTalosVersion(&machine.VersionInfo{Tag: from})
	if err != nil {
		return &VersionError{"Talos", from, err.Error()}
	}

	target, err := compatibility.ParseTalosVersion(&machine.VersionInfo{Tag: to})
	if err != nil {
		return &VersionError{"Talos", to, err.Error()}
	}

	if err := target.UpgradeableFrom(host); err != nil {
		return &JumpError{"Talos", from, to, err.Error(), "choose another release in talos.version"}
	}

	return nil
}

// CheckKubernetesUpgrade says whether a part of Kubernetes may go from one version to another in one step, on nodes that
// run the given version of Talos: to the same minor version or the next one, never back. Equal versions are no error.
// The error is a [*JumpError] or a [*VersionError].
func CheckKubernetesUpgrade(from, to, talosVersion string) error {
	if err := checkJump("Kubernetes", "kubernetes.version", from, to); err != nil {
		return err
	}

	return checkKubernetes(to, talosVersion)
}

// CheckKubernetesRuns says whether a version of Talos runs a version of Kubernetes: a [*VersionError] if it does not.
func CheckKubernetesRuns(kubernetesVersion, talosVersion string) error {
	return checkKubernetes(kubernetesVersion, talosVersion)
}

func checkJump(product, field, from, to string) error {
	old, err := semver.NewVersion(from)
	if err != nil {
		return &VersionError{product, from, "the node tells a version that is none"}
	}

	wanted, err := semver.NewVersion(to)
	if err != nil {
		return &VersionError{product, to, "not a version such as v1.13.9"}
	}

	between := fmt.Sprintf("v%d.%d", old.Major(), old.Minor()+1)

	switch {
	case wanted.LessThan(old):
		return &JumpError{
			product, from, to, "that would be a downgrade, which is not supported",
			fmt.Sprintf("set %s to %s or newer", field, from),
		}
	case wanted.Major() != old.Major(), wanted.Minor() > old.Minor()+1:
		return &JumpError{
			product, from, to, "minor versions cannot be left out",
			fmt.Sprintf("set %s to the newest release of %s first, run the upgrade, then go on from there", field, between),
		}
	}

	return nil
}

// SameVersion says whether two texts name one version, with or without a leading v. Texts that are no versions differ
// from everything.
func SameVersion(a, b string) bool {
	x, err := semver.NewVersion(strings.TrimSpace(a))
	if err != nil {
		return false
	}

	y, err := semver.NewVersion(strings.TrimSpace(b))

	return err == nil && x.Equal(y) && x.Metadata() == y.Metadata()
}
