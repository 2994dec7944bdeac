// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/cozystack/cozy-install/pxe/dhcp"
)

// answerDHCP is the DHCP servers' handler.
func (b *booter) answerDHCP(ctx context.Context, r dhcp.Request) (dhcp.Reply, bool) {
	facts := factsOf(r)
	machine, answer := b.decide(facts, b.base(r.Server))
	n := note{machine: machine.Name, uuid: facts.UUID, what: r.Message.String(), reason: answer.Reason, firmware: answer.Firmware}
	if r.Service == dhcp.ServiceBoot {
		n.what += " to the boot service"
	}
	var reply dhcp.Reply
	if answer.Action != Ignore {
		b.begins(machine, answer, r)
		reply, n = b.offer(ctx, machine, answer, r, n)
	}
	if reply.Refusal == "" {
		b.learn(r, &n)
	}
	b.server.metrics.packet(r, n.answered)
	b.logged(machine, facts.MAC, n)
	// Of operating systems that ask the DHCP server only the address is worth remembering, and nothing of strangers'.
	if !facts.netboots() && !n.answered {
		n.what = ""
	}
	if machine.Name != "" || facts.netboots() {
		b.server.history.record(facts.MAC, n)
	}
	return reply, n.answered
}

func factsOf(r dhcp.Request) Facts {
	source := FromDHCP
	if r.Service == dhcp.ServiceBoot {
		source = FromBoot
	}
	return Facts{
		Source: source, Message: r.Message, MAC: r.MAC, UUID: formatUUID(r.GUID),
		Class: r.Class, UserClasses: r.UserClasses, Archs: r.Archs, IPXE: r.IPXE,
	}
}

// begins notes a boot that begins, and that a machine came back which was sent to its disk.
func (b *booter) begins(m Machine, answer Answer, r dhcp.Request) {
	if m.Name == "" || answer.Firmware == "" || r.Message != dhcp.Discover {
		return
	}
	if after, back := b.server.marks.asksAgain(m.Name, asker{mac: r.MAC.String(), firmware: answer.Firmware}); back {
		b.server.notices.add(cameBack(m.Name, after))
	}
}

// offer makes the reply of a decision, and notes what was said.
func (b *booter) offer(ctx context.Context, m Machine, answer Answer, r dhcp.Request, n note) (dhcp.Reply, note) {
	var reply dhcp.Reply
	if table := b.server.addresses.Load(); table != nil && r.Service == dhcp.ServiceDHCP {
		given := table.answer(ctx, m, r)
		if given.silent != "" {
			n.reason = given.silent
			return reply, n
		}
		reply = given.reply
		n.reason = addressReason(answer.Reason, given)
		b.reserved(m, given)
		if reply.Lease != nil && r.Message == dhcp.Ask {
			n.addr, n.dhcp = reply.Lease.Address, r.Server
		}
	}
	n.answered = true
	if answer.File == "" || reply.Refusal != "" {
		return reply, n
	}
	n.stage = StageOffered
	n.offer = answer.File
	reply.Boot = dhcp.Boot{File: answer.File, Dialect: answer.Dialect}
	n.reason = fmt.Sprintf("%s: %s", n.reason, answer.File)
	switch {
	case r.Service == dhcp.ServiceBoot:
		n.stage, n.follows = StageAsked, true
	case answer.Talks:
		talk := b.server.history.nextTalk(r, answer.Firmware, answer.Dialect)
		reply.Boot.Dialect, n.talk = talk.Dialect, &talk
		if talk.Dialect != answer.Dialect {
			n.reason += fmt.Sprintf(" (%s, since it did not follow otherwise)", talk.Dialect)
		}
	}
	return reply, n
}

func addressReason(reason string, of given) string {
	if of.reply.Refusal != "" {
		return of.reply.Refusal
	}
	if lease := of.reply.Lease; lease != nil && lease.Address.IsValid() {
		reason = fmt.Sprintf("%s, address %s", reason, lease.Address)
	}
	if of.note != "" {
		reason += ", since " + of.note
	}
	return reason
}

// reserved notices a machine that did not get the address which the site gives it. That another card of its own has it is
// as it should be.
func (b *booter) reserved(m Machine, of given) {
	if of.note == "" || b.nameOf(of.heldBy[:]) == m.Name {
		return
	}
	b.server.notices.add(reservedInUse(m, of.note))
}

// nameOf is the node that a network card belongs to; "" for a stranger's.
func (b *booter) nameOf(mac net.HardwareAddr) string {
	machine, _ := b.server.roster.find(Facts{MAC: mac})
	return cmp.Or(machine.Name, b.server.history.nameOf(mac))
}

// learn takes from a packet which address its machine has: TFTP requests say nothing else of who they are from.
func (b *booter) learn(r dhcp.Request, n *note) {
	switch {
	case r.Service == dhcp.ServiceBoot:
		if !r.From.Addr().IsUnspecified() && !r.Relay.IsValid() {
			n.addr = r.From.Addr()
		}
	case r.Message == dhcp.Ask && r.Chosen.IsValid() && r.Requested.IsValid():
		n.addr, n.dhcp = r.Requested, r.Chosen
		b.server.notices.clear(NoDHCP, r.Interface)
	case r.Message == dhcp.Ask && r.Client.IsValid():
		n.addr = r.Client
	}
	if n.addr.IsValid() {
		b.duplicate(r, n.addr)
	}
}

// duplicate notices two machines that use one address.
func (b *booter) duplicate(r dhcp.Request, addr netip.Addr) {
	if other := b.server.history.holder(addr, r.MAC); other != nil {
		b.server.notices.add(duplicateAddress(addr, other, r.MAC))
	}
}
