// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

const (
	// arpWait is how long hosts have to answer. On one network they do within milliseconds.
	arpWait = 500 * time.Millisecond
	// arpAgain is when the question is repeated.
	arpAgain = 200 * time.Millisecond
)

// InUse looks whether another host on an interface uses an IPv4 address, and returns that host's hardware address. It
// takes half a second when there is none. It asks as RFC 5227 wants for probes, in nobody's name, so that no cache
// learns anything. Cards of this host, as the interface, its bridge and its bond, do not count: so it can also be asked
// for our own address. It needs CAP_NET_RAW: *NotPermittedError.
func InUse(ctx context.Context, iface net.Interface, address netip.Addr) (net.HardwareAddr, bool, error) {
	doing := fmt.Sprintf("look whether %s is in use", address)
	if !address.Is4() || len(iface.HardwareAddr) != 6 {
		return nil, false, fmt.Errorf("%s on %s: want an IPv4 address and an Ethernet", doing, iface.Name)
	}
	own, err := ownCards()
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", doing, err)
	}
	conn, closing, err := listenRaw(ctx, doing, iface, etherARP, nil)
	if err != nil {
		return nil, false, err
	}
	defer closing()
	start := time.Now()
	for _, until := range []time.Duration{arpAgain, arpWait} {
		if err := conn.ask(ctx, arpProbe(iface.HardwareAddr, address), start.Add(until)); err != nil {
			return nil, false, fmt.Errorf("%s on %s: %w", doing, iface.Name, err)
		}
		for {
			frame, _, err := conn.next(ctx)
			if errors.Is(err, errQuiet) {
				break
			}
			if err != nil {
				return nil, false, fmt.Errorf("%s on %s: %w", doing, iface.Name, err)
			}
			if mac, user := arpSender(frame); user == address && !own[mac] {
				return mac[:], true, nil
			}
		}
	}
	return nil, false, ctx.Err()
}

// ownCards are the hardware addresses of this host.
func ownCards() (map[[6]byte]bool, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	own := map[[6]byte]bool{}
	for _, iface := range all {
		if len(iface.HardwareAddr) == 6 {
			own[[6]byte(iface.HardwareAddr)] = true
		}
	}
	return own, nil
}

// arpHeader says: Ethernet and IPv4, with addresses of six and four bytes (RFC 826). The operation follows.
const arpHeader = "\x00\x01\x08\x00\x06\x04"

const arpSize = 28 // bytes

// arpProbe asks who has an address.
func arpProbe(from net.HardwareAddr, address netip.Addr) []byte {
	p := binary.BigEndian.AppendUint16([]byte(arpHeader), 1) // request
	p = append(p, from...)
	p = append(p, 0, 0, 0, 0)
	p = append(p, make([]byte, 6)...)
	return append(p, address.AsSlice()...)
}

// arpSender reads who says to use an address, in a request or a reply. The zero values mean nobody.
func arpSender(frame []byte) (mac [6]byte, user netip.Addr) {
	if len(frame) < arpSize || !bytes.HasPrefix(frame, []byte(arpHeader)) {
		return mac, user
	}
	return [6]byte(frame[8:14]), addr(frame[14:18])
}
