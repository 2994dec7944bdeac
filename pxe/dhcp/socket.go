// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
)

// Link is an interface and our own address on it.
type Link struct {
	Interface net.Interface
	Address   netip.Addr
}

// socket receives requests. Replies leave from out.
type socket struct {
	in, out *net.UDPConn
	link    Link         // where all its packets come from, when links is nil
	links   map[int]Link // by index of interface: an adopted socket hears all of them
}

// controlSize holds the control message that tells the interface of a packet, with space to spare.
const controlSize = 64

// read returns the packet and the link it came by. False marks a packet of an interface that is not served.
func (s *socket) read(buffer, control []byte) (payload []byte, from netip.AddrPort, at Link, served bool, err error) {
	if s.links == nil {
		n, from, err := s.in.ReadFromUDPAddrPort(buffer)
		return buffer[:n], from, s.link, true, err
	}
	n, controlled, _, from, err := s.in.ReadMsgUDPAddrPort(buffer, control)
	if err != nil {
		return nil, from, Link{}, false, err
	}
	var message ipv4.ControlMessage
	if message.Parse(control[:controlled]) == nil {
		at, served = s.links[message.IfIndex]
	}
	return buffer[:n], from, at, served, nil
}

// write sends an answer by the link that the request came by.
func (s *socket) write(payload []byte, at Link, to netip.AddrPort) error {
	if s.links == nil {
		_, err := s.out.WriteToUDPAddrPort(payload, to)
		return err
	}
	message := ipv4.ControlMessage{Src: at.Address.AsSlice(), IfIndex: at.Interface.Index}
	_, _, err := s.out.WriteMsgUDPAddrPort(payload, message.Marshal(), to)
	return err
}
