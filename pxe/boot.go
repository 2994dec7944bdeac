// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"

	"github.com/cozystack/cozy-install/pxe/assets"
	"github.com/cozystack/cozy-install/pxe/dhcp"
	"github.com/cozystack/cozy-install/pxe/httpboot"
	"github.com/cozystack/cozy-install/pxe/ipxe"
	"github.com/cozystack/cozy-install/pxe/tftp"
)

// Routes of the files machines boot.
const (
	kernelPath    = "/assets/kernel"
	initramfsPath = "/assets/initramfs"
)

// booter answers machines: it turns what the protocols heard into facts, asks Decide, remembers the answer and turns it
// into the protocols' own.
type booter struct {
	server  *Server
	address netip.Addr
	loaders ipxe.Loaders
	tftp    *tftp.Server
	http    *httpboot.Server
}

// prepare reads and checks everything that will be served.
func (s *Server) prepare(address netip.Addr) (*booter, error) {
	loaders, err := ipxe.Load(s.config.IPXEDir)
	if err != nil {
		return nil, err
	}
	b := &booter{server: s, address: address, loaders: loaders}
	boot := s.config.Assets.Sets[assets.AMD64]
	files := map[string]string{
		kernelPath:    filepath.Join(s.config.Assets.Dir, boot.Kernel),
		initramfsPath: filepath.Join(s.config.Assets.Dir, boot.Initramfs),
	}
	for route, path := range files {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("serve %s: %w", route, err)
		}
	}
	if _, err := b.talosScript("", Facts{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 0}}); err != nil {
		return nil, fmt.Errorf("write boot script: %w", err)
	}
	b.tftp, err = tftp.New(tftp.Config{
		Files: map[string]tftp.File{
			loaders.BIOS.Name: {Data: loaders.BIOS.Data},
			loaders.UEFI.Name: {Data: loaders.UEFI.Data},
		},
		Finished: b.transferred,
	})
	if err != nil {
		return nil, err
	}
	b.http = httpboot.New(httpboot.Config{Files: files, Script: b.script, Fetched: b.fetched, Log: s.log})
	return b, nil
}

// url is the address of a route on the HTTP server.
func (b *booter) url(path string) *url.URL {
	host := netip.AddrPortFrom(b.address, uint16(b.server.config.Ports.HTTP))
	return &url.URL{Scheme: "http", Host: host.String(), Path: path}
}

// decide finds the machine and asks Decide.
func (b *booter) decide(facts Facts) (Machine, Answer) {
	config := &b.server.config
	machine := Find(config.Machines, facts)
	return machine, Decide(machine, facts, Policy{
		AcceptUnknown: config.AcceptUnknown,
		AskSerial:     serialOnly(config.Machines),
		FromDisk:      b.server.isFromDisk(machine.Name),
		BIOS:          b.loaders.BIOS.Name,
		UEFI:          b.loaders.UEFI.Name,
		Script:        *b.url(httpboot.ScriptPath),
	})
}

// answerDHCP is the DHCP servers' handler.
func (b *booter) answerDHCP(_ context.Context, r dhcp.Request) (dhcp.Reply, bool) {
	facts := factsOf(r)
	machine, answer := b.decide(facts)
	answered := answer.Action != Ignore
	n := note{
		machine: machine.Name, uuid: facts.UUID, answered: answered,
		what: r.Message.String(), reason: answer.Reason,
	}
	if r.Service == dhcp.ServiceBoot {
		n.what += " to the boot service"
	}
	if answered {
		n.stage = StageOffered
		n.reason = fmt.Sprintf("%s: %s", answer.Reason, answer.File)
		if r.Service == dhcp.ServiceBoot && !r.From.Addr().IsUnspecified() {
			n.addr = r.From.Addr()
		}
	}
	// The addresses that operating systems ask the DHCP server for are nothing to remember of strangers.
	if machine.Name != "" || facts.netboots() {
		b.server.history.record(facts.MAC, n)
	}
	b.logged(machine, facts.MAC, n)
	boot := dhcp.Boot{File: answer.File, Dialect: dhcp.BootService}
	if answer.SkipDiscovery {
		boot.Dialect = dhcp.DiscoveryControl
	}
	return dhcp.Reply{Boot: boot}, answered
}

func factsOf(r dhcp.Request) Facts {
	source := FromDHCP
	if r.Service == dhcp.ServiceBoot {
		source = FromBoot
	}
	return Facts{
		Source: source, Message: r.Message, MAC: r.MAC, UUID: formatUUID(r.GUID),
		Class: r.Class, UserClasses: r.UserClasses, Archs: r.Archs,
	}
}

// script is the HTTP server's script function.
func (b *booter) script(r httpboot.ScriptRequest) ([]byte, error) {
	facts := Facts{
		Source: FromScript, MAC: r.MAC, UUID: parseUUID(r.UUID), Serial: r.Serial, SerialAsked: r.SerialSent,
	}
	machine, answer := b.decide(facts)
	n := note{
		machine: machine.Name, uuid: facts.UUID, answered: answer.Action != Ignore,
		what: "HTTP " + httpboot.ScriptPath, reason: answer.Reason, addr: r.Client,
	}
	var text []byte
	var err error
	switch answer.Action {
	case BootTalos:
		n.stage = StageScript
		text, err = b.talosScript(machine.Name, facts)
	case BootDisk:
		n.stage = StageDisk
		text, err = ipxe.Disk(machine.Name)
		b.server.sentToDisk(machine.Name)
	case AskSerial:
		n.stage = StageOffered
		text, err = ipxe.AskSerial(b.again(facts))
	default:
		err = httpboot.ErrNotServed
	}
	b.server.history.record(facts.MAC, n)
	b.logged(machine, facts.MAC, n)
	return text, err
}

func (b *booter) talosScript(name string, facts Facts) ([]byte, error) {
	if name == "" {
		name = facts.MAC.String()
	}
	return ipxe.Talos(ipxe.Boot{
		Title:     name,
		Kernel:    b.url(kernelPath),
		Initramfs: b.url(initramfsPath),
		Args:      b.server.config.Assets.Sets[assets.AMD64].Cmdline,
		Again:     b.again(facts),
	})
}

// again is the address of a machine's script.
func (b *booter) again(facts Facts) *url.URL {
	base := b.url(httpboot.ScriptPath)
	base.RawQuery = scriptQuery(facts)
	return base
}

// fetched is told by the HTTP server about each file.
func (b *booter) fetched(f httpboot.Fetch) {
	n := note{what: "HTTP " + f.Route, addr: f.Client, answered: true, reason: "sent"}
	switch {
	case !f.Whole:
		n.reason = "sent in part"
	case f.Route == kernelPath:
		n.stage = StageKernel
	case f.Route == initramfsPath:
		n.stage = StageInitramfs
	}
	b.logged(Machine{}, b.server.history.recordAddr(n), n)
}

// transferred is told by the TFTP server about each request.
func (b *booter) transferred(t tftp.Transfer) {
	n := note{what: fmt.Sprintf("TFTP %.64q", t.Name), addr: t.Client, answered: true, reason: "sent", stage: StageLoader}
	var absent *tftp.NotFoundError
	switch {
	case t.Probe:
		n.reason, n.stage = "only asked for the size", ""
	case errors.As(t.Err, &absent):
		n.reason, n.stage, n.answered = "no such file", "", false
	case t.Err != nil:
		n.reason, n.stage = t.Err.Error(), ""
	}
	b.logged(Machine{}, b.server.history.recordAddr(n), n)
}

// logged writes one line. What is ignored goes to the debug level: anybody on the network can cause it.
func (b *booter) logged(m Machine, mac net.HardwareAddr, n note) {
	args := []any{"what", n.what, "answered", n.answered, "reason", n.reason}
	if mac != nil {
		args = append(args, "mac", mac.String())
	}
	if m.Name != "" {
		args = append(args, "node", m.Name)
	}
	if n.addr.IsValid() {
		args = append(args, "address", n.addr.String())
	}
	if n.answered {
		b.server.log.Info("netboot request", args...)
		return
	}
	b.server.log.Debug("netboot request", args...)
}
