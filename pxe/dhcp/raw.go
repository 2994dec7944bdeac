// SPDX-License-Identifier: Apache-2.0

package dhcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
)

// NotPermittedError says that this user may not use raw sockets.
type NotPermittedError struct {
	Doing     string // "look for other DHCP servers" ...
	Interface string
	Err       error
}

func (e *NotPermittedError) Error() string {
	return fmt.Sprintf("%s on %s: %v", e.Doing, e.Interface, e.Err)
}

func (e *NotPermittedError) Unwrap() error { return e.Err }

// Hint says which right is needed.
func (e *NotPermittedError) Hint() string {
	return `run as root, or grant the right: sudo setcap cap_net_bind_service,cap_net_raw+ep "$(command -v cozy-install)"`
}

// Ethernet's numbers of protocols.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
)

// rawConn sends and receives packets of one protocol on one interface, which needs no address for that. What this host
// itself sends is not received.
type rawConn struct {
	*packet.Conn
	buffer []byte
}

// listenRaw opens one that ends with ctx; the caller closes it by the function returned. Doing is for errors.
func listenRaw(
	ctx context.Context, doing string, iface net.Interface, protocol int, filter []bpf.Instruction,
) (*rawConn, func(), error) {
	config := &packet.Config{}
	if filter != nil {
		program, err := bpf.Assemble(filter)
		if err != nil {
			return nil, nil, fmt.Errorf("%s on %s: %w", doing, iface.Name, err)
		}
		config.Filter = program
	}
	conn, err := packet.Listen(&iface, packet.Datagram, protocol, config)
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil, &NotPermittedError{Doing: doing, Interface: iface.Name, Err: err}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s on %s: %w", doing, iface.Name, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &rawConn{conn, make([]byte, maxPacket)}, func() {
		stop()
		_ = conn.Close() // nothing is buffered
	}, nil
}

// errQuiet says that the deadline passed, or that ctx ended, with nothing heard.
var errQuiet = errors.New("nothing was heard")

// next returns a packet, which is valid until the next call, and who sent it.
func (c *rawConn) next(ctx context.Context) ([]byte, net.HardwareAddr, error) {
	n, from, err := c.ReadFrom(c.buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
		return nil, nil, errQuiet
	}
	if err != nil {
		return nil, nil, err
	}
	var mac net.HardwareAddr
	if a, ok := from.(*packet.Addr); ok {
		mac = a.HardwareAddr
	}
	return c.buffer[:n], mac, nil
}

// ask sends a packet to everybody and sets the deadline of next. The error is that of ctx when it has ended.
func (c *rawConn) ask(ctx context.Context, question []byte, deadline time.Time) error {
	_, err := c.WriteTo(question, &packet.Addr{HardwareAddr: net.HardwareAddr{255, 255, 255, 255, 255, 255}})
	err = errors.Join(err, c.SetReadDeadline(deadline))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// datagram is one UDP packet.
type datagram struct {
	from, to netip.AddrPort
	mac      net.HardwareAddr // who sent it on this network
	payload  []byte
}

const udpHeader = 8 // bytes

// readUDP reads an IPv4 packet that holds a whole UDP datagram. Checksums are not looked at: network cards check them,
// and virtual ones leave them out.
func readUDP(frame []byte, mac net.HardwareAddr) (datagram, bool) {
	if len(frame) < ipv4.HeaderLen || frame[0]>>4 != ipv4.Version {
		return datagram{}, false
	}
	length, total := int(frame[0]&15)*4, int(binary.BigEndian.Uint16(frame[2:]))
	isPart := binary.BigEndian.Uint16(frame[6:])&0x3fff != 0
	if length < ipv4.HeaderLen || isPart || frame[9] != protocolUDP || total > len(frame) || total < length+udpHeader {
		return datagram{}, false
	}
	udp := frame[length:total]
	size := int(binary.BigEndian.Uint16(udp[4:]))
	if size < udpHeader || size > len(udp) {
		return datagram{}, false
	}
	at := func(ip, port []byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip)), binary.BigEndian.Uint16(port))
	}
	return datagram{from: at(frame[12:16], udp[0:2]), to: at(frame[16:20], udp[2:4]), mac: mac, payload: udp[udpHeader:size]}, true
}

const protocolUDP = 17

// fromServers lets only UDP from the ports of DHCP servers in, so that the files that machines fetch are not copied to
// us too. Packets of an ETH_P_IP datagram socket begin with the IP header.
func fromServers() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 9, Size: 1}, // protocol
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protocolUDP, SkipTrue: 4},
		bpf.LoadMemShift{Off: 0}, // X: length of the IP header
		bpf.LoadIndirect{Off: 0, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: serverPort, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: bootPort, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: maxPacket},
	}
}

// The ports that servers answer from.
const (
	serverPort = 67
	bootPort   = 4011
)
