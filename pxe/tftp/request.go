// SPDX-License-Identifier: Apache-2.0

package tftp

import (
	"bytes"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"time"
)

// Operation codes of RFC 1350 section 5 and RFC 2347.
const (
	opRead  = 1
	opWrite = 2
	opData  = 3
	opAck   = 4
	opError = 5
	opOACK  = 6
)

const (
	// maxName bounds what is kept of a name.
	maxName = 500
	// A block with its headers stays inside 1500 bytes with room for a VLAN tag: firmware loses fragments.
	maxBlockSize     = 1428
	minBlockSize     = 8   // RFC 2348
	defaultBlockSize = 512 // RFC 1350
	// maxWindow is four times what EDK2 asks for. More is a burst that small network cards lose the end of.
	maxWindow = 16
)

// asked is a read request with the answer to its options.
type asked struct {
	name      string
	blockSize int
	window    int
	timeout   time.Duration // 0: the client leaves it to us
	tsize     bool
	// accepted are the options that the OACK repeats, as the client spelled them; empty: no OACK.
	accepted []option
}

type option struct {
	name string
	is   optionKind
}

type optionKind int

const (
	optionBlockSize optionKind = iota
	optionTimeout
	optionTSize
	optionWindow
)

// parse reads a request: operation code, then name, mode and options as strings that end with a zero. Options that we do
// not know or that make no sense are left out, as RFC 2347 wants it; a last string without its end is ignored, because
// some ROMs pad.
func parse(packet []byte) (asked, error) {
	a := asked{blockSize: defaultBlockSize, window: 1}
	if len(packet) < 2 {
		return a, errMalformed
	}
	op, rest := binary.BigEndian.Uint16(packet), packet[2:]
	name, rest, ok := bytes.Cut(rest, []byte{0})
	a.name = string(name[:min(len(name), maxName)])
	if op == opWrite {
		return a, errWrite
	}
	if op != opRead || !ok {
		return a, errMalformed
	}
	mode, rest, ok := bytes.Cut(rest, []byte{0})
	if !ok {
		return a, errMalformed
	}
	// Some ROMs leave the mode empty. A binary that was changed as netascii wants it would not boot, and one that was not
	// would be a lie.
	if strings.EqualFold(string(mode), "netascii") {
		return a, errMode
	}
	for {
		var name, value []byte
		if name, rest, ok = bytes.Cut(rest, []byte{0}); !ok {
			return a, nil
		}
		if value, rest, ok = bytes.Cut(rest, []byte{0}); !ok {
			return a, nil
		}
		a.option(string(name), string(value))
	}
}

// option takes one option. The first of a name counts.
func (a *asked) option(name, value string) {
	number, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return
	}
	o := option{name: name}
	switch strings.ToLower(name) {
	case "blksize":
		o.is = optionBlockSize
		if number < minBlockSize || a.has(o.is) {
			return
		}
		a.blockSize = int(min(number, maxBlockSize))
	case "timeout":
		o.is = optionTimeout
		if number < 1 || number > 255 || a.has(o.is) {
			return
		}
		a.timeout = time.Duration(number) * time.Second
	case "tsize":
		o.is = optionTSize
		if a.has(o.is) {
			return
		}
		a.tsize = true
	case "windowsize":
		o.is = optionWindow
		if number < 1 || a.has(o.is) {
			return
		}
		a.window = int(min(number, maxWindow))
	default:
		return
	}
	a.accepted = append(a.accepted, o)
}

func (a *asked) has(kind optionKind) bool {
	for _, o := range a.accepted {
		if o.is == kind {
			return true
		}
	}
	return false
}

// oack is the answer to the options; nil when there are none to answer.
func (a *asked) oack(size int64) []byte {
	if len(a.accepted) == 0 {
		return nil
	}
	packet := binary.BigEndian.AppendUint16(nil, opOACK)
	for _, o := range a.accepted {
		var value int64
		switch o.is {
		case optionBlockSize:
			value = int64(a.blockSize)
		case optionTimeout:
			value = int64(a.timeout / time.Second)
		case optionTSize:
			value = size
		case optionWindow:
			value = int64(a.window)
		}
		packet = append(packet, o.name...)
		packet = append(packet, 0)
		packet = strconv.AppendInt(packet, value, 10)
		packet = append(packet, 0)
	}
	return packet
}

// maxErrorText keeps an error in one packet that the smallest block size would hold.
const maxErrorText = 400

func errorPacket(code uint16, text string) []byte {
	packet := binary.BigEndian.AppendUint16(nil, opError)
	packet = binary.BigEndian.AppendUint16(packet, code)
	packet = append(packet, text[:min(len(text), maxErrorText)]...)
	return append(packet, 0)
}

// split takes the machine's address off a name, and what firmware adds: a leading slash or backslash, and a 0xff copied
// from behind the DHCP option that held the name.
//
//	/52-54-00-77-00-01/snponly.efi -> 52:54:00:77:00:01, snponly.efi
//	\UNDIONLY.KPXE\xff             -> nil, UNDIONLY.KPXE
func split(name string) (net.HardwareAddr, string) {
	for strings.HasSuffix(name, "\xff") {
		name = name[:len(name)-1]
	}
	name = strings.TrimLeft(name, `/\`)
	first, rest, ok := cutAny(name)
	if !ok {
		return nil, name
	}
	mac := parseMAC(first)
	if mac == nil {
		return nil, name
	}
	return mac, strings.TrimLeft(rest, `/\`)
}

func cutAny(name string) (before, after string, found bool) {
	i := strings.IndexAny(name, `/\`)
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// parseMAC takes the usual forms of six bytes, and twelve digits. It returns nil for anything else.
func parseMAC(text string) net.HardwareAddr {
	if len(text) == 12 {
		text = text[0:4] + "." + text[4:8] + "." + text[8:12]
	}
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 {
		return nil
	}
	return mac
}

// key is the form names are compared in.
func key(name string) string { return strings.ToLower(name) }
