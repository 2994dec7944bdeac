// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// SecureBootError says that a machine was not started as talos.secureBoot has it. The system that would be installed on it
// would not start, or would start without the protection that the site asks for.
type SecureBootError struct {
	Node string
	Want bool // talos.secureBoot
	Told bool // the machine says how it was started
}

func (e *SecureBootError) Error() string {
	switch {
	case !e.Told:
		return fmt.Sprintf("node %s does not say whether it runs with Secure Boot, but talos.secureBoot is true", e.Node)
	case e.Want:
		return fmt.Sprintf("node %s runs without Secure Boot, but talos.secureBoot is true", e.Node)
	}
	return fmt.Sprintf("node %s runs with Secure Boot, but talos.secureBoot is not set: what is installed without it would not start there", e.Node)
}

// Hint says how to bring the machine and the site file into line.
func (e *SecureBootError) Hint() string {
	if !e.Want {
		return "set talos.secureBoot: true, or disable Secure Boot in the machine's firmware setup"
	}
	return "in the firmware setup put Secure Boot into setup mode and enroll Talos's keys (boot the image factory's secureboot ISO and choose to enroll them, or import secureboot/signing-cert.pem of the factory as db), then enable Secure Boot and boot the signed UKI; or set talos.secureBoot: false"
}

// assertSecureBoot checks how a machine was started. One that does not tell is taken for one without Secure Boot.
func assertSecureBoot(s *site.Site, node site.Node, told *talos.Security) error {
	isOn := told != nil && told.SecureBoot
	if isOn == s.Talos.SecureBoot {
		return nil
	}
	return &SecureBootError{Node: node.Name, Want: s.Talos.SecureBoot, Told: told != nil}
}
