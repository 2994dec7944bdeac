// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// dhcpLoad is a number of machines of which some wait for an offer at any time. Each answer makes the next one ask.
type dhcpLoad struct {
	conn     *net.UDPConn
	machines int
	waiting  int
	span     time.Duration
}

// dhcpPatience is how long an offer is waited for: firmware asks again after four seconds.
const dhcpPatience = 4 * time.Second

// Where the transaction and the address are in a DHCP packet (RFC 2131 section 2).
const (
	dhcpTransaction = 4
	dhcpAddress     = 28
)

func (l dhcpLoad) run(ctx context.Context) (result, error) {
	packet, err := discover()
	if err != nil {
		return result{}, err
	}
	r := dhcpRun{dhcpLoad: l, packet: packet, asked: map[uint32]time.Time{}, began: time.Now()}
	r.transaction = uint32(r.began.UnixNano()) // stragglers of an earlier round are not ours
	for range l.waiting {
		if err := r.ask(); err != nil {
			return result{}, err
		}
	}
	err = r.loop(ctx)
	r.result.took = time.Since(r.began)
	slices.Sort(r.waits)
	if n := len(r.waits); n > 0 {
		r.result.p99 = r.waits[n*99/100]
	}
	return r.result, err
}

type dhcpRun struct {
	dhcpLoad
	result
	packet      []byte
	transaction uint32
	asked       map[uint32]time.Time
	waits       []time.Duration
	began       time.Time
}

func (r *dhcpRun) ask() error {
	r.transaction++
	binary.BigEndian.PutUint32(r.packet[dhcpTransaction:], r.transaction)
	copy(r.packet[dhcpAddress:], machineMAC(int(r.transaction)%r.machines))
	r.asked[r.transaction] = time.Now()
	_, err := r.conn.WriteToUDPAddrPort(r.packet, netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), 67))
	if err != nil {
		return fmt.Errorf("send a DHCPDISCOVER: %w", err)
	}
	return nil
}

func (r *dhcpRun) loop(ctx context.Context) error {
	buffer := make([]byte, 2048)
	for len(r.asked) > 0 && ctx.Err() == nil {
		if err := r.conn.SetReadDeadline(time.Now().Add(dhcpPatience)); err != nil {
			return err
		}
		n, err := r.conn.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.result.lost += len(r.asked)
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for an offer: %w", err)
		}
		if n < 240 || buffer[0] != byte(dhcpv4.OpcodeBootReply) {
			continue
		}
		transaction := binary.BigEndian.Uint32(buffer[dhcpTransaction:])
		asked, isOurs := r.asked[transaction]
		if !isOurs {
			continue
		}
		delete(r.asked, transaction)
		r.waits = append(r.waits, time.Since(asked))
		r.result.work++
		if time.Since(r.began) < r.span {
			if err := r.ask(); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// discover is what a BIOS ROM sends.
func discover() ([]byte, error) {
	p, err := dhcpv4.New(
		dhcpv4.WithHwAddr(machineMAC(0)), dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover), dhcpv4.WithBroadcast(true),
		dhcpv4.WithGeneric(dhcpv4.OptionClassIdentifier, []byte("PXEClient:Arch:00000:UNDI:002001")),
		dhcpv4.WithGeneric(dhcpv4.OptionClientSystemArchitectureType, []byte{0, 0}),
		dhcpv4.WithGeneric(dhcpv4.OptionClientNetworkInterfaceIdentifier, []byte{1, 2, 1}),
		dhcpv4.WithGeneric(dhcpv4.OptionClientMachineIdentifier, make([]byte, 17)),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionTFTPServerName, dhcpv4.OptionBootfileName, dhcpv4.OptionVendorSpecificInformation),
	)
	if err != nil {
		return nil, fmt.Errorf("make a DHCPDISCOVER: %w", err)
	}
	return p.ToBytes(), nil
}
