// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/compatibility"
	"github.com/siderolabs/talos/pkg/machinery/config"
)

// VersionError says that a version of Talos or Kubernetes cannot be used.
type VersionError struct {
	Product string // Talos or Kubernetes
	Version string
	Rule    string
}

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("%s version %q: %s", e.Product, e.Version, e.Rule)
}

// Hint says what to do.
func (e *VersionError) Hint() string {
	if e.Product == "Kubernetes" {
		return "choose a Kubernetes version that this Talos release supports"
	}

	return "set talos.version to a release of 1.11, 1.12 or 1.13, or use a newer cozy-install"
}

// contract holds every question that depends on the Talos version, so that versions are compared here only.
type contract struct{ *config.VersionContract }

// parseContract refuses versions newer than the library, which cannot know their config, and those never tried.
func parseContract(version string) (contract, error) {
	parsed, err := config.ParseContractFromVersion(version)
	if err != nil {
		return contract{}, &VersionError{"Talos", version, "not a version such as v1.13.9"}
	}

	if parsed.Greater(config.TalosVersion1_13) || config.TalosVersion1_11.Greater(parsed) {
		return contract{}, &VersionError{"Talos", version, "configs are written for 1.11 to 1.13"}
	}

	return contract{parsed}, nil
}

// lower is the contract of what a node is given: it must be able to read the config with the version it runs now, before
// it installs the target. Without a running version that is the target's.
func (c contract) lower(running string) (contract, error) {
	if running == "" {
		return c, nil
	}

	parsed, err := config.ParseContractFromVersion(running)
	if err != nil {
		return contract{}, &RunningVersionError{running, "not a version such as v1.13.9"}
	}

	if config.TalosVersion1_11.Greater(parsed) {
		return contract{}, &RunningVersionError{running, "configs are written for 1.11 and newer"}
	}

	if c.Greater(parsed) {
		return contract{parsed}, nil
	}

	return c, nil
}

// RunningVersionError says that a node runs a Talos for which no config can be written.
type RunningVersionError struct {
	Version string
	Rule    string
}

// Error implements error.
func (e *RunningVersionError) Error() string {
	return fmt.Sprintf("the machine runs Talos version %q: %s", e.Version, e.Rule)
}

// Hint says what to do.
func (e *RunningVersionError) Hint() string {
	return "boot the machine with the Talos version that the site file names"
}

// networkDocuments is true since 1.12: network settings are documents of their own, and those in the main document
// conflict with them.
func (c contract) networkDocuments() bool { return c.MultidocNetworkConfigSupported() }

// environmentDocument is true since 1.13: machine.env goes on working there, but is called outdated.
func (c contract) environmentDocument() bool { return c.Greater(config.TalosVersion1_12) }

// aliasPatterns is true since 1.13: one alias document can number several links (net%d).
func (c contract) aliasPatterns() bool { return c.Greater(config.TalosVersion1_12) }

// checkKubernetes asks Talos's own table which Kubernetes versions it runs.
func checkKubernetes(kubernetes, talos string) error {
	parsed, err := compatibility.ParseKubernetesVersion(strings.TrimPrefix(kubernetes, "v"))
	if err != nil {
		return &VersionError{"Kubernetes", kubernetes, "not a version such as v1.34.4"}
	}

	target, err := compatibility.ParseTalosVersion(&machine.VersionInfo{Tag: strings.TrimPrefix(talos, "v")})
	if err != nil {
		return &VersionError{"Talos", talos, "not a version such as v1.13.9"}
	}

	if err := parsed.SupportedWith(target); err != nil {
		return &VersionError{"Kubernetes", kubernetes, err.Error()}
	}

	return nil
}
