// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// Machine is a computer that boots from the network first. The zero values are those of most machines.
type Machine struct {
	Firmware Firmware
	MAC      net.HardwareAddr
	Card     string // QEMU's name of the network card; empty: virtio-net-pci
	// ROM says that UEFI firmware meets a card with iPXE in its option ROM, which takes the card over. BIOS machines
	// always have one: SeaBIOS has no network boot of its own.
	ROM bool
	// HTTPBoot switches the firmware's PXE off, which it tries first and for a minute, and IPv6. UEFI only.
	HTTPBoot bool
	// SecureBoot makes the firmware start only what is signed with the key that Debian's ovmf has for tests. UEFI only.
	SecureBoot bool
	Disk       string  // tried after the network: see WriteBIOSDisk and WriteUEFIDisk; empty: none
	Loss       float64 // of TFTP packets, each way, 0 to 1
	Capture    string  // a pcap file for what passes its network card; empty: none
}

// Running is a machine that was switched on.
type Running struct {
	*process
	*Wire
}

// PowerOn starts a machine on the network.
func PowerOn(network *lan.Netns, space *lan.Space, m Machine) (*Running, error) {
	tap, err := network.Tap()
	if err != nil {
		return nil, err
	}
	wire, err := newWire(tap, m.Loss, m.Capture)
	if err != nil {
		return nil, errors.Join(err, tap.Close())
	}
	program, args := m.command()
	cmd := exec.Command(program, args...) //nolint:noctx // PowerOff ends it
	cmd.ExtraFiles = []*os.File{wire.plugged}
	running, err := startIn(space, cmd)
	if err != nil {
		return nil, errors.Join(err, wire.Close())
	}
	return &Running{process: running, Wire: wire}, wire.unplug()
}

// PowerOff pulls the plug, if the machine did not go off by itself.
func (r *Running) PowerOff() error { return errors.Join(r.stop(0), r.Wire.Close()) }

// command is QEMU's command line. A machine that restarts ends QEMU.
func (m Machine) command() (program string, args []string) {
	args = []string{
		"-accel", "tcg,thread=multi", "-nodefaults", "-no-reboot", "-display", "none",
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-netdev", "socket,id=wire,fd=3", "-device", m.card(),
	}
	switch m.Firmware {
	case BIOS:
		// Without graphics SeaBIOS and iPXE use the serial line both ways.
		program = "qemu-system-x86_64"
		args = append(args, "-machine", "pc,graphics=off", "-vga", "none", "-m", "512")
	case UEFI:
		program = "qemu-system-x86_64"
		args = append(args, "-vga", "none", "-m", "1024")
		args = append(args, m.ovmf()...)
	case AArch64:
		program = "qemu-system-aarch64"
		args = append(args, "-machine", "virt", "-cpu", "max,pauth-impdef=on", "-m", "1024")
		args = append(args, flash("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd")...)
	}
	if m.Firmware != BIOS {
		// Since 2025 OVMF and AAVMF have no network boot without a source of random numbers.
		args = append(args, "-device", "virtio-rng-pci")
	}
	if m.HTTPBoot {
		for _, what := range []string{"IPv4PXESupport", "IPv6PXESupport", "IPv6Support"} {
			args = append(args, "-fw_cfg", "name=opt/org.tianocore/"+what+",string=n")
		}
	}
	if m.Disk != "" {
		args = append(args, "-drive", "if=none,id=disk,format=raw,readonly=on,file="+strings.ReplaceAll(m.Disk, ",", ",,"), "-device", "virtio-blk-pci,drive=disk,bootindex=2")
	}
	return program, args
}

// ovmf is OVMF, with Secure Boot in the build that protects its variables by system management mode.
func (m Machine) ovmf() []string {
	if !m.SecureBoot {
		return append(flash("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"), "-machine", "q35")
	}
	return append(flash("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd"),
		"-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on")
}

func (m Machine) card() string {
	kind := m.Card
	if kind == "" {
		kind = "virtio-net-pci"
	}
	card := kind + ",netdev=wire,bootindex=1,mac=" + m.MAC.String()
	if m.Firmware != BIOS && !m.ROM {
		card += ",romfile="
	}
	return card
}

// flash are a UEFI machine's program and variables. What the machine writes is forgotten when it goes off.
func flash(code, variables string) []string {
	var args []string
	for unit, file := range []string{code, variables} {
		drive := fmt.Sprintf("if=pflash,format=raw,unit=%s,file=%s", strconv.Itoa(unit), file)
		if unit == 0 {
			drive += ",readonly=on"
		} else {
			drive += ",snapshot=on"
		}
		args = append(args, "-drive", drive)
	}
	return args
}
