// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
	"golang.org/x/net/ipv4"
)

const (
	// probeWait is how long servers have to answer. dnsmasq and ISC DHCP look first whether the address they are going
	// to offer is in use, for up to three seconds.
	probeWait = 4 * time.Second
	// probeAgain is when the question is repeated, since a packet may be lost.
	probeAgain = time.Second
	// maxHeard bounds what a hostile network can make us remember.
	maxHeard = 64
)

// Probe asks which DHCP servers answer on an interface, which needs no address: it broadcasts DHCPDISCOVERs, as an
// ordinary machine and as netboot firmware, and returns the different answers that came within wait. Zero: 4 s. No
// address is taken, but servers hold what they offer for a minute or two. It needs CAP_NET_RAW: *NotPermittedError.
func Probe(ctx context.Context, iface net.Interface, wait time.Duration) ([]Heard, error) {
	const doing = "look for other DHCP servers"
	if wait <= 0 {
		wait = probeWait
	}
	conn, closing, err := listenRaw(ctx, doing, iface, etherIPv4, fromServers())
	if err != nil {
		return nil, err
	}
	defer closing()
	questions, err := questions(iface)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", doing, iface.Name, err)
	}
	var heard []Heard
	start := time.Now()
	for _, until := range []time.Duration{min(probeAgain, wait), wait} {
		for _, question := range questions {
			if err := conn.ask(ctx, broadcastUDP(question.ToBytes()), start.Add(until)); err != nil {
				return nil, fmt.Errorf("%s on %s: %w", doing, iface.Name, err)
			}
		}
		if heard, err = collect(ctx, conn, questions, heard); err != nil {
			return nil, fmt.Errorf("%s on %s: %w", doing, iface.Name, err)
		}
	}
	return heard, ctx.Err()
}

// questions are an ordinary machine's DISCOVER and one of x86-64 UEFI firmware.
func questions(iface net.Interface) ([]*dhcpv4.DHCPv4, error) {
	mac := stranger(iface.HardwareAddr)
	plain, err := dhcpv4.NewDiscovery(mac, dhcpv4.WithBroadcast(true))
	if err != nil {
		return nil, err
	}
	firmware, err := dhcpv4.NewDiscovery(mac, dhcpv4.WithBroadcast(true),
		dhcpv4.WithOption(dhcpv4.OptClientArch(iana.EFI_X86_64)),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier(classPXE+":Arch:00007:UNDI:003000")),
		dhcpv4.WithGeneric(dhcpv4.OptionClientNetworkInterfaceIdentifier, []byte{1, 3, 0}),
		dhcpv4.WithGeneric(dhcpv4.OptionClientMachineIdentifier, append(make([]byte, 11), mac...)),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionTFTPServerName, dhcpv4.OptionBootfileName, dhcpv4.OptionVendorSpecificInformation),
	)
	return []*dhcpv4.DHCPv4{plain, firmware}, err
}

// stranger makes a locally administered address of an interface's own, the same each time, so that repeated probes are
// offered one address and not many, and different from the own one, for which a server may have a reservation.
func stranger(own net.HardwareAddr) net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	copy(mac, own)
	mac[0] = (mac[0]|2)&^1 ^ 0x40
	return mac
}

// collect adds the answers that are new, until the deadline.
func collect(ctx context.Context, conn *rawConn, questions []*dhcpv4.DHCPv4, heard []Heard) ([]Heard, error) {
	for {
		frame, mac, err := conn.next(ctx)
		if errors.Is(err, errQuiet) {
			return heard, nil
		}
		if err != nil {
			return nil, err
		}
		d, ok := readUDP(frame, mac)
		if !ok {
			continue
		}
		h, xid, ok := hear(d, time.Now())
		isOurs := slices.ContainsFunc(questions, func(q *dhcpv4.DHCPv4) bool { return q.TransactionID == xid })
		if ok && isOurs && len(heard) < maxHeard && !slices.ContainsFunc(heard, h.repeats) {
			heard = append(heard, h)
		}
	}
}

// repeats says whether two answers tell the same.
func (h Heard) repeats(other Heard) bool {
	return h.Server == other.Server && h.From == other.From && h.MAC.String() == other.MAC.String() &&
		h.Offers == other.Offers && h.Class == other.Class && h.BootFile == other.BootFile
}

// broadcastUDP puts a machine's packet into UDP and IP, from 0.0.0.0. UDP's checksum may be left out (RFC 768).
func broadcastUDP(payload []byte) []byte {
	size := ipv4.HeaderLen + udpHeader + len(payload)
	frame := make([]byte, ipv4.HeaderLen, size)
	frame[0] = ipv4.Version<<4 | ipv4.HeaderLen/4
	binary.BigEndian.PutUint16(frame[2:], uint16(size))
	frame[8], frame[9] = 64, protocolUDP // time to live
	all := netip.AddrFrom4([4]byte{255, 255, 255, 255}).As4()
	copy(frame[16:], all[:])
	var sum uint32
	for i := 0; i < len(frame); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(frame[i:]))
	}
	binary.BigEndian.PutUint16(frame[10:], ^uint16(sum+sum>>16))
	for _, field := range []int{clientPort, serverPort, udpHeader + len(payload), 0} {
		frame = binary.BigEndian.AppendUint16(frame, uint16(field))
	}
	return append(frame, payload...)
}
