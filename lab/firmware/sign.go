// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The key that Debian's firmware for tests trusts, and that everybody has.
const (
	testKey         = "/usr/share/ovmf/PkKek-1-snakeoil.key"
	testCertificate = "/usr/share/ovmf/PkKek-1-snakeoil.pem"
	testPassword    = "pass:snakeoil"
)

// SecureBootUKI is the name of the image for machines with Secure Boot.
const SecureBootUKI = "metal-amd64-secureboot-uki.efi"

// ForSecureBoot makes boot files of another directory for machines with Secure Boot: the unified kernel image under the
// name that Talos's signed one has, signed by the key that Machine.SecureBoot trusts, or not.
func (f BootFiles) ForSecureBoot(ctx context.Context, dir string, isSigned bool) (BootFiles, error) {
	image, to := filepath.Join(f.Dir, "metal-amd64-uki.efi"), filepath.Join(dir, SecureBootUKI)
	made := BootFiles{Dir: dir, Stamp: f.Stamp}
	if !isSigned {
		data, err := os.ReadFile(image)
		return made, errors.Join(err, os.WriteFile(to, data, 0o644))
	}
	key := filepath.Join(dir, "key")
	if err := run(ctx, "openssl", "pkey", "-in", testKey, "-passin", testPassword, "-out", key); err != nil {
		return BootFiles{}, err
	}
	err := run(ctx, "sbsign", "--key", key, "--cert", testCertificate, "--output", to, image)
	return made, errors.Join(err, os.Remove(key))
}

func run(ctx context.Context, program string, args ...string) error {
	if said, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return nil
}
