// SPDX-License-Identifier: Apache-2.0

// Package rom simulates a machine's firmware and the network boot loader that it starts: a client of real DHCP, TFTP and
// HTTP servers, with the packets that SeaBIOS's, EDK2's and iPXE's clients send (measured with QEMU), which fetches what
// it was told to boot byte for byte and says what it got.
//
// It refuses to know what it boots: the answer is the hash of a UKI, or of a kernel with its arguments, or "boot from the
// disk". Where real firmware would hang or guess, it fails loudly: an unknown script command is an error, not ignored.
// Still missing: IPv6, HTTPS, Secure Boot, PXE boot menus, and checking what the loader file is. iPXE counts seconds as
// EDK2 does, and in server mode waits for no proxy.
package rom

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// ErrNoBootFile means that addresses were offered and nothing to boot: PXE-E53 on a real console.
var ErrNoBootFile = errors.New("no boot file name received (PXE-E53)")

// errNotFound means that a server does not have the file.
var errNotFound = errors.New("file not found")

// Protocols whose packets can be lost to order: those that the machine would receive, and those that it sends.
const (
	DHCP     = "dhcp"
	TFTP     = "tftp"
	TFTPSent = "tftp-sent"
)

// Machine is the hardware that the firmware finds.
type Machine struct {
	UUID     [16]byte // as in option 97: the SMBIOS bytes
	Serial   string
	Firmware Firmware
}

// ROM boots one machine from the network.
type ROM struct {
	Machine Machine
	Port    lan.Port
	Clock   clock.Clock
	// Accepts makes a stubborn machine, whose firmware understands offers of one dialect only and asks on at 0, 4, 12 and
	// 28 seconds. It does not matter to UEFI HTTP boot and to iPXE. Empty: AnyDialect.
	Accepts Dialect
	// IPXE is what a file that iPXE is loaded from is taken for, and what is in an IPXEROM.
	IPXE Generation
	// Report is told what happens, as it happens. Nil: nobody listens.
	Report func(event string, details map[string]string)
	// Drop tells whether the next packet of a protocol is to be lost. Nil loses none.
	Drop func(protocol string) bool
}

// Image is a file that was fetched to be booted.
type Image struct {
	Name   string
	URL    string
	SHA256 string // hex
	Size   int64  // bytes
}

// Result is what is booted: nothing from the network, or a UKI, or a kernel with its initramfs.
type Result struct {
	// FromDisk: the firmware goes on to its next boot device, because the script ended with exit or sanboot, or because
	// the file it was told to boot is not there (HTTP status 404, TFTP error 1). The other fields are zero then.
	FromDisk bool
	// UKI was loaded by the firmware itself; its kernel's arguments are inside. Kernel, Initrds and Args are zero then.
	UKI     Image
	Kernel  Image
	Initrds []Image
	Args    []string // the kernel's arguments
}

// Netboot asks for an address and a boot file, and fetches it. A UKI is the end of it. Anything else is taken for iPXE,
// which asks again and is told a script; Netboot follows that. The port has no address of the ROM's any more when it
// returns.
func (r *ROM) Netboot(ctx context.Context) (Result, error) {
	conn, err := r.Port.OpenDHCP(ctx)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()

	firmware := r.firmware(conn)
	defer firmware.release()

	boot, err := firmware.bootFile(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", r.Machine.Firmware, err)
	}

	if firmware.native && boot.isURL() {
		return firmware.runScript(ctx, boot)
	}

	image, err := firmware.load(ctx, boot)
	if errors.Is(err, errNotFound) {
		return r.nextDevice(err)
	}

	if err != nil {
		return Result{}, fmt.Errorf("%s: load %s: %w", r.Machine.Firmware, boot.url(), err)
	}

	if boot.isUKI() {
		r.reportImage(image)

		return Result{UKI: image}, nil
	}

	r.report("loader", map[string]string{
		"file": image.Name, "url": image.URL, "sha256": image.SHA256, "size": strconv.FormatInt(image.Size, 10),
	})

	loader := r.loader(conn, boot)
	loader.address, firmware.address = firmware.address, loader.address
	defer loader.release()

	return loader.start(ctx, boot)
}

// nextDevice is a firmware that found nothing where it was sent to.
func (r *ROM) nextDevice(err error) (Result, error) {
	r.report("next-device", map[string]string{"text": err.Error()})

	return Result{FromDisk: true}, nil
}

func (r *ROM) reportImage(image Image) {
	r.report("image", map[string]string{
		"name": image.Name, "url": image.URL, "sha256": image.SHA256, "size": strconv.FormatInt(image.Size, 10),
	})
}

func (r *ROM) report(event string, details map[string]string) {
	if r.Report != nil {
		r.Report(event, details)
	}
}

func (r *ROM) drop(protocol string) bool { return r.Drop != nil && r.Drop(protocol) }
