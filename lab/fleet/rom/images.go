// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"context"
	"errors"
	"fmt"
	"net/url"
)

// image takes `kernel [--name n] URL arguments...` and `initrd [--name n] URL`.
func (r *interpreter) image(ctx context.Context, kind string, args []string) error {
	name, args := options(args)
	if len(args) == 0 {
		return fmt.Errorf("%s: no URL", kind)
	}

	image, err := r.fetchImage(ctx, r.absolute(args[0]))
	if err != nil {
		return err
	}

	if name != "" {
		image.Name = name
	}

	if kind == "kernel" {
		r.kernel, r.result.Kernel, r.result.Args = true, image, args[1:]
	} else {
		r.result.Initrds = append(r.result.Initrds, image)
	}

	return nil
}

// takeOver takes `chain URL`: another script follows, with the settings of this one.
func (r *interpreter) takeOver(ctx context.Context, args []string) error {
	_, args = options(args)
	if len(args) == 0 {
		return errors.New("chain: no URL")
	}

	location := r.absolute(args[0])

	text, err := r.fetchScript(ctx, location)
	if err != nil {
		return err
	}

	r.chain, r.location, r.end = text, location, true

	return nil
}

// boot starts the kernel. On UEFI, iPXE of 2019 hands an initramfs only to a kernel whose arguments name it.
func (r *interpreter) boot() error {
	if !r.kernel {
		return errors.New("boot: no kernel was loaded")
	}

	for _, initrd := range r.result.Initrds {
		named := false
		for _, arg := range r.result.Args {
			named = named || arg == "initrd="+initrd.Name
		}

		if r.Machine.Firmware.isEFI() && r.generation() == IPXE2019 && !named {
			return fmt.Errorf("boot: the kernel has no argument initrd=%s: it would start without its root", initrd.Name)
		}
	}

	r.end = true

	return nil
}

func (r *interpreter) absolute(location string) string {
	base, err := url.Parse(r.location)
	if err != nil {
		return location
	}

	if at, err := base.Parse(location); err == nil {
		return at.String()
	}

	return location
}
