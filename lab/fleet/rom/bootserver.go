// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// PXE sub-option 6 of option 43, and its bit 3: "use the boot file in this packet, do not look for boot servers".
const (
	pxeDiscoveryControl = 6
	pxeUseThisFile      = 1 << 3
)

// needsBootServer tells whether the client goes to port 4011 for its file. EDK2 always does but when option 43 forbids
// it; iPXE does only when the offer lacks a server or a file; the BIOS ROM does both. Who does without option 60 knows
// no port 4011.
func (s *session) needsBootServer(offer *dhcpv4.DHCPv4) bool {
	_, err := readBootInfo(offer)
	if s.ipxe || s.Accepts == HeaderOnly {
		return err != nil
	}

	return err != nil || !usesThisFile(offer)
}

// isEDK2 tells whether EDK2 asks, and not iPXE on top of it.
func (s *session) isEDK2() bool { return !s.ipxe && s.Machine.Firmware.isEFI() }

// pxeSubOption is the first byte of a sub-option of option 43, or 0.
func pxeSubOption(packet *dhcpv4.DHCPv4, code byte) byte {
	data := packet.GetOneOption(dhcpv4.OptionVendorSpecificInformation)

	for len(data) >= 2 && data[0] != 255 {
		if data[0] == 0 {
			data = data[1:]

			continue
		}

		length := int(data[1])
		if len(data) < 2+length {
			return 0
		}

		if data[0] == code && length > 0 {
			return data[2]
		}

		data = data[2+length:]
	}

	return 0
}

// askBootServer sends a REQUEST to port 4011 of the server that made the offer, four times at most.
func (s *session) askBootServer(ctx context.Context, offer *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, error) {
	server, ok := netip.AddrFromSlice(offer.ServerIdentifier().To4())
	if !ok {
		return nil, errors.New("the PXE offer has no server identifier (option 54)")
	}

	to := netip.AddrPortFrom(server, uint16(s.Port.Ports().Proxy))

	conn, err := s.Port.ListenPacket(ctx, netip.AddrPortFrom(s.address.Addr(), s.bootServerSource()))
	if err != nil {
		return nil, fmt.Errorf("open the boot server client's port: %w", err)
	}
	defer conn.Close()

	request, err := s.bootServerRequest(offer)
	if err != nil {
		return nil, err
	}

	for range 4 {
		if _, err := conn.WriteTo(request.ToBytes(), net.UDPAddrFromAddrPort(to)); err != nil {
			return nil, fmt.Errorf("ask boot server %s: %w", to, err)
		}

		ack, err := s.bootServerAnswer(ctx, conn, request.TransactionID)
		if err != nil {
			return nil, fmt.Errorf("ask boot server %s: %w", to, err)
		}

		if ack != nil {
			s.report("boot-server", map[string]string{"server": to.String(), "from": strconv.Itoa(int(s.bootServerSource()))})

			return ack, nil
		}
	}

	return nil, fmt.Errorf("boot server %s does not answer (PXE-E55)", to)
}

// bootServerSource is EDK2's habit of asking from port 4011 itself. The others ask from port 68, where the socket for
// broadcasts sits already; a port of the kernel's choice does as well, since the server answers where it was asked.
func (s *session) bootServerSource() uint16 {
	if !s.isEDK2() {
		return 0
	}

	return uint16(s.Port.Ports().Proxy)
}

func (s *session) bootServerRequest(offer *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, error) {
	xid := offer.TransactionID
	if s.isEDK2() {
		for i := range xid { // EDK2 takes a new one
			xid[i] = byte(rand.Uint32())
		}
	}

	request, err := dhcpv4.New(append([]dhcpv4.Modifier{
		dhcpv4.WithTransactionID(xid),
		dhcpv4.WithHwAddr(s.Port.MAC()),
		dhcpv4.WithBroadcast(!s.isEDK2()),
		dhcpv4.WithClientIP(s.address.Addr().AsSlice()),
		dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
	}, s.options...)...)
	if err != nil {
		return nil, fmt.Errorf("build boot server request: %w", err)
	}

	return request, nil
}

// bootServerAnswer is nil when none came in time.
func (s *session) bootServerAnswer(
	ctx context.Context, conn net.PacketConn, xid dhcpv4.TransactionID,
) (*dhcpv4.DHCPv4, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	if err := conn.SetReadDeadline(time.Now().Add(s.Clock.Patience(2 * time.Second))); err != nil {
		return nil, err
	}

	for buf := make([]byte, 2048); ; {
		length, _, err := conn.ReadFrom(buf)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}

		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return nil, nil
		}

		if err != nil {
			return nil, err
		}

		packet, err := dhcpv4.FromBytes(buf[:length])
		if err != nil || packet.TransactionID != xid || packet.MessageType() != dhcpv4.MessageTypeAck {
			continue
		}

		if !s.drop(DHCP) {
			return packet, nil
		}
	}
}
