// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// timeServer tells nodes the time of this host, for as long as their clocks are read: the Talos API shows a node's clock
// only beside an NTP server's answer, and the site's servers may not answer, or may be what is wrong. It answers each packet
// with one of the same size, so it is of no use for floods.
type timeServer struct {
	conn    net.PacketConn
	serving sync.WaitGroup
}

// serveTime opens a port that the kernel chooses. Close it.
func serveTime(ctx context.Context) (*timeServer, error) {
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", ":0")
	if err != nil {
		return nil, fmt.Errorf("open a port to tell nodes the time: %w", err)
	}
	t := &timeServer{conn: conn}
	t.serving.Go(t.serve)
	return t, nil
}

func (t *timeServer) close() {
	_ = t.conn.Close() // nothing is written that could be lost
	t.serving.Wait()
}

// at is where a node reaches the server: this host's address on the way to the node.
func (t *timeServer) at(node netip.Addr) (string, error) {
	conn, err := net.Dial("udp", netip.AddrPortFrom(node, ntpPort).String()) //nolint:noctx // no packet is sent
	if err != nil {
		return "", fmt.Errorf("find the way to %s: %w", node, err)
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(t.conn.LocalAddr().String())
	return net.JoinHostPort(host, port), err
}

// The packet of NTP (RFC 5905, section 7.3).
const (
	ntpPort   = 123
	ntpSize   = 48
	ntpClient = 3
	ntpServer = 4
	// ntpStratum is that of a clock with no better one behind it: nobody should prefer it.
	ntpStratum = 10
)

func (t *timeServer) serve() {
	packet := make([]byte, 512)
	for {
		n, from, err := t.conn.ReadFrom(packet)
		if err != nil {
			return // closed
		}
		if n >= ntpSize && packet[0]&7 == ntpClient {
			_, _ = t.conn.WriteTo(ntpAnswer(packet[:ntpSize], time.Now()), from) // whoever hears nothing asks again
		}
	}
}

// ntpAnswer makes the answer to a question that came now.
func ntpAnswer(question []byte, now time.Time) []byte {
	version := question[0] >> 3 & 7
	answer := make([]byte, ntpSize)
	answer[0] = version<<3 | ntpServer // and no leap second
	answer[1] = ntpStratum
	answer[2] = question[2]                               // the pause until the next question
	answer[3] = 0xec                                      // precision: 2^-20 s
	binary.BigEndian.PutUint32(answer[8:], 1<<16/100)     // root dispersion: 10 ms, in 2^-16 s
	copy(answer[12:], "LOCL")                             // an uncalibrated local clock
	binary.BigEndian.PutUint64(answer[16:], ntpTime(now)) // when the clock was last set: it is taken to be right
	copy(answer[24:32], question[40:48])                  // the question's own time, by which the asker knows its answer
	binary.BigEndian.PutUint64(answer[32:], ntpTime(now))
	binary.BigEndian.PutUint64(answer[40:], ntpTime(now))
	return answer
}

// ntpTime is in 2^-32 seconds since 1900, and begins anew in 2036 as the protocol has it.
func ntpTime(t time.Time) uint64 {
	const since1900 = 2208988800 // seconds from 1900 to 1970
	seconds := uint64(t.Unix()+since1900) & 0xffffffff
	return seconds<<32 | uint64(t.Nanosecond())<<32/1e9
}
