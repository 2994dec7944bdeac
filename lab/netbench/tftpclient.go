// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"
)

// tftpClient is one transfer at a time.
type tftpClient struct {
	fd          int
	isConnected bool
	block       int64 // in order so far
	unacked     int
	last        []byte    // packet sent
	sentAt      time.Time // the last time
	heardAt     time.Time
}

// take handles a packet, as RFC 1350 and RFC 7440 say, and compares its data with the file.
func (r *tftpRun) take(c *tftpClient, packet []byte, now time.Time) (isOver bool, err error) {
	if len(packet) < 4 {
		return false, fmt.Errorf("a packet of %d bytes from the server", len(packet))
	}
	number := binary.BigEndian.Uint16(packet[2:])
	switch op := binary.BigEndian.Uint16(packet); op {
	case 6:
		if c.block > 0 {
			return false, nil
		}
		return false, r.ack(c, now)
	case 3:
		if number != uint16(c.block+1) {
			return false, nil // doubled, or after a gap: the server's repetition settles both
		}
		data, start := packet[4:], c.block*tftpBlock
		if start+int64(len(data)) > int64(len(r.want)) || !bytes.Equal(data, r.want[start:start+int64(len(data))]) {
			return false, fmt.Errorf("block %d of %s differs from the file", c.block+1, r.name)
		}
		c.block++
		c.unacked++
		r.result.work += float64(len(data)) / 1e6
		if len(data) < tftpBlock {
			return true, r.ack(c, now)
		}
		if c.unacked >= r.window {
			return false, r.ack(c, now)
		}
		return false, nil
	default:
		r.result.lost++
		return true, fmt.Errorf("the server sent operation %d: %q", op, packet[2:])
	}
}

func (r *tftpRun) ack(c *tftpClient, now time.Time) error {
	c.unacked = 0
	c.last = append(c.last[:0], 0, 4, byte(c.block>>8), byte(c.block))
	return r.send(c, now)
}
