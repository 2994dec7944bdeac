// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"

	"github.com/cozystack/cozy-install/pxe/httpboot"
	"github.com/cozystack/cozy-install/pxe/ipxe"
	"github.com/cozystack/cozy-install/pxe/tftp"
)

// errNotHere is what a machine hears that has to go on to its disk, or is a stranger.
var errNotHere = errors.New("file not found")

// sizeAsked is the reason of requests that are for a file's size only.
const sizeAsked = "only asked for the size"

// admitTransfer decides about a TFTP request.
//
// A refusal is error 1, "file not found" (RFC 1350), as of a file that is not there: it is what sends firmware on to its
// next boot device.
func (b *booter) admitTransfer(r tftp.Request) error {
	if err := b.admit("TFTP", r.Client, r.MAC, r.Name); err != nil {
		return fmt.Errorf("%w: %w", err, &tftp.NotFoundError{Name: r.Name})
	}
	return nil
}

// admitFetch decides about an HTTP request for a file.
func (b *booter) admitFetch(r httpboot.FileRequest) error {
	return b.admit("HTTP", r.Client, r.MAC, r.Name)
}

// admit decides about a file. Bare names are for anybody: nothing that is served is secret.
func (b *booter) admit(how string, client netip.Addr, mac net.HardwareAddr, name string) error {
	if mac == nil {
		return nil
	}
	name = b.shelf.spelled(name)
	facts := Facts{Source: FromFile, MAC: mac, File: name}
	machine, answer := b.decide(facts, url.URL{})
	n := note{machine: machine.Name, addr: client, what: fmt.Sprintf("%s %.64q", how, name), reason: answer.Reason}
	if answer.Action == Send {
		n.loading, n.follows = name, true
		b.server.history.record(mac, n)
		return nil
	}
	if answer.Action == NotFound {
		n.answered, n.stage, n.fetched = true, StageDisk, true
		b.toDisk(machine, mac)
	}
	b.server.history.record(mac, n)
	b.logged(machine, mac, n)
	return errNotHere
}

// toDisk notes that a machine was sent to its disk.
func (b *booter) toDisk(m Machine, mac net.HardwareAddr) {
	b.server.marks.sentToDisk(m.Name, asker{mac: mac.String(), firmware: b.server.history.firmwareOf(mac)})
}

// transferred is told by the TFTP server about each request.
func (b *booter) transferred(t tftp.Transfer) {
	n := note{
		what: fmt.Sprintf("TFTP %.64q", t.Name), addr: t.Client, answered: true, reason: "sent",
		stage: b.stageOf(t.Name), fetched: true,
	}
	var absent *tftp.NotFoundError
	switch {
	case errors.Is(t.Err, errNotHere):
		return // noted when it was decided
	case t.Probe:
		n.reason, n.stage = sizeAsked, ""
	case errors.As(t.Err, &absent):
		n.reason, n.stage, n.answered, n.fetched, n.follows = "no such file", "", false, false, true
	case t.Err != nil:
		n.reason, n.stage = t.Err.Error(), ""
	}
	b.server.metrics.transfer(t)
	b.remember(t.MAC, n)
}

// fetched is told by the HTTP server about each file.
func (b *booter) fetched(f httpboot.Fetch) {
	n := note{
		what: fmt.Sprintf("HTTP %.64q", f.Name), addr: f.Client, answered: true, reason: "sent",
		stage: b.stageOf(f.Name), fetched: true,
	}
	switch {
	case f.Head:
		n.reason, n.stage = sizeAsked, ""
	case !f.Whole:
		n.reason, n.stage = "sent in part", ""
	}
	b.server.metrics.fetch(f)
	b.remember(f.MAC, n)
}

// remember keeps what became of a file, for the machine that its name told of or else the one at its address.
func (b *booter) remember(mac net.HardwareAddr, n note) {
	if mac == nil {
		mac = b.server.history.recordAddr(n)
	} else {
		b.server.history.record(mac, n)
	}
	b.logged(Machine{}, mac, n)
}

// stageOf is how far a machine is that has fetched a file.
func (b *booter) stageOf(name string) Stage {
	name = b.shelf.spelled(name)
	for _, set := range b.shelf.assets.Sets {
		switch name {
		case "":
		case set.Kernel:
			return StageKernel
		case set.Initramfs:
			return StageInitramfs
		case set.UKI:
			return StageUKI
		}
	}
	return StageLoader
}

// script is the HTTP server's script function.
func (b *booter) script(r httpboot.ScriptRequest) ([]byte, error) {
	facts := Facts{
		Source: FromScript, MAC: r.MAC, UUID: parseUUID(r.UUID), Serial: r.Serial, SerialAsked: r.SerialSent, Arch: knownArch(r.Arch),
	}
	base := b.base(r.Server)
	machine, answer := b.decide(facts, base)
	n := note{
		machine: machine.Name, uuid: facts.UUID, answered: answer.Action != Ignore,
		what: "HTTP " + httpboot.ScriptPath, reason: answer.Reason, addr: r.Client, fetched: true,
	}
	text, stage, err := b.write(machine, answer, facts, base)
	if r.Head {
		return text, err // nothing is fetched by it
	}
	if n.stage = stage; stage == StageDisk {
		b.toDisk(machine, r.MAC)
	}
	b.server.metrics.script(answer.Action)
	b.server.history.record(facts.MAC, n)
	b.logged(machine, facts.MAC, n)
	return text, err
}

// write makes the script of a decision.
func (b *booter) write(m Machine, answer Answer, facts Facts, base url.URL) (text []byte, stage Stage, err error) {
	switch answer.Action {
	case BootTalos:
		text, err = b.talosScript(m, facts, base)
		return text, StageScript, err
	case BootDisk:
		text, err = ipxe.Disk(m.Name)
		return text, StageDisk, err
	case SANBoot:
		text, err = ipxe.SANBoot(m.Name)
		return text, StageDisk, err
	case NotFound:
		return nil, StageDisk, httpboot.ErrNotServed
	case AskSerial:
		text, err = ipxe.AskSerial(again(facts, base))
		return text, StageOffered, err
	default:
		return nil, "", httpboot.ErrNotServed
	}
}

func (b *booter) talosScript(m Machine, facts Facts, base url.URL) ([]byte, error) {
	arch := archOf(m, facts)
	set := b.shelf.assets.Sets[arch]
	title := m.Name
	if title == "" {
		title = facts.MAC.String()
	}
	link := func(name string) *url.URL {
		to := base
		to.Path = "/" + machineFile(facts.MAC, name)
		return &to
	}
	return ipxe.Talos(ipxe.Boot{
		Title: title, Kernel: link(set.Kernel), Initramfs: link(set.Initramfs), Args: set.Cmdline, Again: again(facts, base),
	})
}

func archOf(m Machine, facts Facts) string {
	if facts.Arch != "" {
		return facts.Arch
	}
	return m.arch()
}

// again is the address of a machine's script.
func again(facts Facts, base url.URL) *url.URL {
	base.Path = httpboot.ScriptPath
	base.RawQuery = scriptQuery(facts, archOf(Machine{}, facts))
	return &base
}

// rehearse writes the scripts once, so that arguments that can't stand in one are found before machines ask.
func (b *booter) rehearse() error {
	for arch := range b.shelf.offered.Kernel {
		facts := Facts{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 0}, Arch: arch}
		if _, err := b.talosScript(Machine{}, facts, b.base(netip.IPv4Unspecified())); err != nil {
			return fmt.Errorf("write boot script: %w", err)
		}
	}
	return nil
}
