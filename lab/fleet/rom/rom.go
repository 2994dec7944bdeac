// SPDX-License-Identifier: Apache-2.0

// Package rom simulates a machine's firmware and the network boot loader that it starts: a client of real DHCP, TFTP and
// HTTP servers, with the packets that SeaBIOS's, EDK2's and iPXE's clients send (measured with QEMU), which fetches what
// it was told to boot byte for byte and says what it got.
//
// It refuses to know what it boots: the answer is a kernel's hash and its arguments, or "boot from the disk". Where real
// firmware would hang or guess, it fails loudly: an unknown script command is an error, not ignored. Still missing: UEFI
// HTTP boot, IPv6, arm64, iPXE ROMs that need no loader, menus, and checking what the loader file is.
package rom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// ErrNoBootFile means that addresses were offered and nothing to boot: PXE-E53 on a real console.
var ErrNoBootFile = errors.New("no boot file name received (PXE-E53)")

// Protocols whose packets can be lost to order.
const (
	DHCP = "dhcp"
	TFTP = "tftp"
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
	// Report is told what happens, as it happens. Nil: nobody listens.
	Report func(event string, details map[string]string)
	// Drop tells whether the next received packet of a protocol is to be lost. Nil loses none.
	Drop func(protocol string) bool
}

// Image is a file that was fetched to be booted.
type Image struct {
	Name   string
	URL    string
	SHA256 string // hex
	Size   int64  // bytes
}

// Result is what the boot loader decided.
type Result struct {
	// FromDisk: the script ended with exit or sanboot. The other fields are zero then.
	FromDisk bool
	Kernel   Image
	Initrds  []Image
	Args     []string // the kernel's arguments
}

// Netboot asks for an address and a loader, fetches the loader, "runs" it (which asks again, as iPXE), and follows its
// script. The port has no address of the ROM's any more when it returns.
func (r *ROM) Netboot(ctx context.Context) (Result, error) {
	conn, err := r.Port.OpenDHCP(ctx)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()

	firmware := &session{ROM: r, conn: conn, options: r.firmwareOptions()}
	defer firmware.release()

	boot, err := firmware.bootFile(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", r.Machine.Firmware, err)
	}

	loader, err := firmware.load(ctx, boot)
	if err != nil {
		return Result{}, fmt.Errorf("%s: load %q from %s: %w", r.Machine.Firmware, boot.file, boot.server, err)
	}

	r.report("loader", map[string]string{
		"file": loader.Name, "server": boot.server.String(), "sha256": loader.SHA256,
		"size": strconv.FormatInt(loader.Size, 10),
	})
	firmware.release()

	ipxe := &session{ROM: r, conn: conn, options: r.ipxeOptions(), ipxe: true}
	defer ipxe.release()

	result, err := ipxe.runLoader(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("iPXE: %w", err)
	}

	return result, nil
}

func (r *ROM) report(event string, details map[string]string) {
	if r.Report != nil {
		r.Report(event, details)
	}
}

func (r *ROM) drop(protocol string) bool { return r.Drop != nil && r.Drop(protocol) }

// session is one stage's conversation: the firmware's, then the loader's.
type session struct {
	*ROM

	conn    lan.DHCPConn
	options []dhcpv4.Modifier
	ipxe    bool

	address netip.Prefix // held while valid
	http    *http.Client // made with the address
}

// bootInfo is where the file to load is.
type bootInfo struct {
	file   string
	server netip.Addr
}

// isURL tells a script for iPXE from a file for TFTP.
func (b bootInfo) isURL() bool { return strings.HasPrefix(b.file, "http://") }

// bootFile asks for an address and for the file to boot.
func (s *session) bootFile(ctx context.Context) (bootInfo, error) {
	offers, err := s.configure(ctx)
	if err != nil {
		return bootInfo{}, err
	}

	source := offers.Proxy
	if source == nil && offers.Address.ClassIdentifier() == "PXEClient" {
		source = offers.Address
	}

	if source == nil {
		return bootInfo{}, ErrNoBootFile
	}

	if s.needsBootServer(source) {
		if source, err = s.askBootServer(ctx, source); err != nil {
			return bootInfo{}, err
		}
	}

	return readBootInfo(source)
}

// configure takes an address and puts it on the port.
func (s *session) configure(ctx context.Context) (dhcp.Offers, error) {
	client := &dhcp.Client{
		Conn: s.conn, Clock: s.Clock, MAC: s.Port.MAC(), Options: s.options,
		WantProxy: true, InsistOnProxy: !s.ipxe,
		Drop: func() bool { return s.drop(DHCP) },
	}

	offers, err := client.Discover(ctx)
	if err != nil {
		return dhcp.Offers{}, err
	}

	ack, err := client.Request(ctx, offers.Address)
	if err != nil {
		return dhcp.Offers{}, err
	}

	address, err := dhcp.Prefix(ack)
	if err != nil {
		return dhcp.Offers{}, err
	}

	if err := s.Port.Assign(address); err != nil {
		return dhcp.Offers{}, err
	}

	s.address = address
	s.report("address", map[string]string{"address": address.String(), "server": ack.ServerIdentifier().String()})

	return offers, nil
}

// release takes the address away again: the next stage and the operating system each ask for their own.
func (s *session) release() {
	if s.http != nil {
		s.http.CloseIdleConnections()
		s.http = nil
	}

	if s.address.IsValid() {
		_ = s.Port.Release(s.address) // the port may be gone with the machine's power
		s.address = netip.Prefix{}
	}
}

// readBootInfo takes the file from option 67 or else from the header, and the server from siaddr alone: iPXE and many
// ROMs treat an answer without siaddr as one without a boot file.
func readBootInfo(packet *dhcpv4.DHCPv4) (bootInfo, error) {
	file := strings.TrimRight(packet.BootFileNameOption(), "\x00")
	if file == "" {
		file = packet.BootFileName
	}

	server, ok := netip.AddrFromSlice(packet.ServerIPAddr.To4())
	if file == "" || !ok || server.IsUnspecified() {
		return bootInfo{}, fmt.Errorf("%w: file %q at next-server %s in the answer of %s",
			ErrNoBootFile, file, packet.ServerIPAddr, packet.ServerIdentifier())
	}

	return bootInfo{file: file, server: server}, nil
}
