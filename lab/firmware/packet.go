// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// packet is what the wire reads of a frame: IPv4 with UDP or TCP. The zero packet is anything else.
type packet struct {
	protocol byte
	from, to uint16 // ports
	payload  []byte
}

const (
	protocolTCP = 6
	protocolUDP = 17
)

// readPacket reads an Ethernet frame; false: not a whole IPv4 packet with ports. Fragments but the first have none.
func readPacket(frame []byte) (packet, bool) {
	const ethernet = 14
	if len(frame) < ethernet+20 || binary.BigEndian.Uint16(frame[12:]) != 0x0800 {
		return packet{}, false
	}
	ip := frame[ethernet:]
	header, total := int(ip[0]&15)*4, int(binary.BigEndian.Uint16(ip[2:]))
	isLaterFragment := binary.BigEndian.Uint16(ip[6:])&0x1fff != 0
	if header < 20 || total < header+8 || total > len(ip) || isLaterFragment {
		return packet{}, false
	}
	segment := ip[header:total]
	p := packet{protocol: ip[9], from: binary.BigEndian.Uint16(segment), to: binary.BigEndian.Uint16(segment[2:])}
	switch p.protocol {
	case protocolUDP:
		p.payload = segment[8:]
	case protocolTCP:
		if offset := int(segment[min(12, len(segment)-1)]>>4) * 4; offset >= 20 && offset <= len(segment) {
			p.payload = segment[offset:]
		}
	default:
		return packet{}, false
	}
	return p, true
}

func (p packet) isDHCP() bool {
	for _, port := range []uint16{67, 68, 4011} {
		if p.protocol == protocolUDP && (p.from == port || p.to == port) {
			return true
		}
	}
	return false
}

// isTFTP: TFTP answers from a port of its own choice, but on this network nothing else speaks UDP over IPv4.
func (p packet) isTFTP() bool { return p.protocol == protocolUDP && !p.isDHCP() }

// asks reads a TFTP read request (RFC 1350: opcode 1, name, mode) or the first line of an HTTP request; "" for others.
func (p packet) asks() string {
	switch {
	case p.isTFTP() && p.to == 69 && len(p.payload) > 2 && p.payload[1] == 1:
		name, _, _ := bytes.Cut(p.payload[2:], []byte{0})
		return "tftp " + string(name)
	case p.protocol == protocolTCP:
		line, _, _ := bytes.Cut(p.payload, []byte("\r\n"))
		if words := strings.Fields(string(line)); len(words) == 3 && strings.HasPrefix(words[2], "HTTP/") {
			return words[0] + " " + words[1]
		}
	}
	return ""
}
