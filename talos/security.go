// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	siderox509 "github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

// Security is how a node was started and what its kernel enforces, as the node tells it: a machine that lies about it
// is not found out here.
type Security struct {
	SecureBoot    bool // the firmware started only what is signed with keys enrolled in it
	BootedWithUKI bool // a unified kernel image, signed or not
	// UKISigningKey and PCRSigningKey are the fingerprints of the keys that the image and its measurements are signed
	// with. Empty where there is no such signature.
	UKISigningKey string
	PCRSigningKey string
	SELinux       string // in Talos's words: "disabled", "enabled, permissive" or "enabled, enforcing"
	FIPS          string // in Talos's words: "disabled", "enabled" or "enabled, strict"
	// ModuleSignatureEnforced: the kernel loads only modules that are signed with the key it was built with.
	ModuleSignatureEnforced bool
}

func readSecurity(ctx context.Context, from state.State, into *Inventory) error {
	security, err := safe.StateGetByID[*runtime.SecurityState](ctx, from, runtime.SecurityStateID)
	if err != nil {
		return err
	}

	spec := security.TypedSpec()
	into.Security = &Security{
		SecureBoot: spec.SecureBoot, BootedWithUKI: spec.BootedWithUKI,
		UKISigningKey: field(spec.UKISigningKeyFingerprint), PCRSigningKey: field(spec.PCRSigningKeyFingerprint),
		SELinux: spec.SELinuxState.String(), FIPS: spec.FIPSState.String(),
		ModuleSignatureEnforced: spec.ModuleSignatureEnforced,
	}

	return nil
}

// FingerprintError says that a text is not a fingerprint as Talos prints it on a console.
type FingerprintError struct{ Text string }

// Error implements error.
func (e *FingerprintError) Error() string {
	return fmt.Sprintf("fingerprint %q: not the base64 text of 32 bytes", clean(e.Text, maxErrorText))
}

// Hint says what one looks like.
func (e *FingerprintError) Hint() string {
	return "it has 44 letters, digits, + and /, and ends with =: take all of it, as the machine's console shows it in maintenance mode"
}

// ParseFingerprint reads the fingerprint that a person copied from a console, and gives it in the form of
// [Answer.Fingerprint].
func ParseFingerprint(text string) (string, error) {
	parsed, err := siderox509.ParseFingerprint(strings.TrimSpace(text))
	if err != nil || len(parsed) != sha256.Size {
		return "", &FingerprintError{Text: text}
	}

	return parsed.String(), nil
}
