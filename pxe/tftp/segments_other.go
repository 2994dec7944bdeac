// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package tftp

import "net"

// Elsewhere each block is a packet of its own.
func canSegment(*net.UDPConn) bool { return false }

func cannotSegment(error) bool { return false }

func segmentControl(int) []byte { return nil }
