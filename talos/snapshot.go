// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
)

const (
	// maxSnapshot bounds a snapshot: etcd's own advice is a database of 8 GiB at most.
	maxSnapshot = 16 << 30
	// snapshotStall is how long a node may be silent in the middle of one, or before it: it writes a copy first.
	snapshotStall = time.Minute
)

// Snapshot is what is known of a snapshot of etcd.
type Snapshot struct {
	Bytes  int64  // with the checksum at its end
	SHA256 string // of all these bytes, in hexadecimal: the name by which a snapshot is known again
}

// SnapshotError says that data is no whole snapshot of etcd.
type SnapshotError struct{ Why string }

func (e *SnapshotError) Error() string { return "not a whole etcd snapshot: " + e.Why }

// Hint says what is one.
func (e *SnapshotError) Hint() string {
	return "a snapshot is what cozy-install etcd snapshot or talosctl etcd snapshot wrote; a copy of etcd's database file has no checksum, and is not taken"
}

// SnapshotCheck judges a snapshot of etcd while its bytes are written to it, in constant memory. A snapshot is a bbolt
// database, pages of at least 512 bytes, followed by the SHA-256 of all of them: etcd's own tools check no more before a
// restore. The zero value is ready; it is for one snapshot.
type SnapshotCheck struct {
	database, whole hash.Hash
	head            []byte // the first bytes: page header and the start of the meta page
	tail            []byte // the last 32 bytes or less, which may be the checksum
	size            int64
}

// Write implements io.Writer and never fails.
func (s *SnapshotCheck) Write(data []byte) (int, error) {
	if s.database == nil {
		s.database, s.whole = sha256.New(), sha256.New()
	}

	s.size += int64(len(data))
	s.whole.Write(data)

	if missing := metaEnd - len(s.head); missing > 0 {
		s.head = append(s.head, data[:min(missing, len(data))]...)
	}

	// Everything but the last 32 bytes is the database.
	held := append(s.tail, data...)
	if rest := len(held) - sha256.Size; rest > 0 {
		s.database.Write(held[:rest])
		held = held[rest:]
	}

	s.tail = bytes.Clone(held)

	return len(data), nil
}

// A bbolt page begins with 16 bytes about itself; on the first page magic number and version follow. The
// numbers are the little-endian ones of amd64 and arm64.
const (
	metaStart  = 16
	metaEnd    = 24
	boltMagic  = 0xED0CDAED
	boltFormat = 2
)

// Finish judges what was written. The error is a [*SnapshotError].
func (s *SnapshotCheck) Finish() (Snapshot, error) {
	switch {
	case s.size == 0:
		return Snapshot{}, &SnapshotError{Why: "it is empty"}
	case len(s.head) < metaEnd || binary.LittleEndian.Uint32(s.head[metaStart:]) != boltMagic,
		binary.LittleEndian.Uint32(s.head[metaStart+4:]) != boltFormat:
		return Snapshot{}, &SnapshotError{Why: "it does not begin as a bbolt database does"}
	case s.size%512 != sha256.Size:
		return Snapshot{}, &SnapshotError{Why: fmt.Sprintf("%d bytes are no pages with a checksum: it was cut off, or has none", s.size)}
	case !bytes.Equal(s.database.Sum(nil), s.tail):
		return Snapshot{}, &SnapshotError{Why: "its checksum does not fit: it was changed or damaged"}
	}

	return Snapshot{Bytes: s.size, SHA256: hex.EncodeToString(s.whole.Sum(nil))}, nil
}

// EtcdSnapshot writes a snapshot of this node's etcd to a writer, in constant memory, and checks it. With an error what
// was written is worthless. A snapshot holds everything in Kubernetes, its Secrets too.
func (c *Client) EtcdSnapshot(ctx context.Context, to io.Writer) (Snapshot, error) {
	const op = "take an etcd snapshot"

	asked, patience := withPatience(ctx, snapshotStall)
	defer patience.end()

	stream, err := c.api.MachineClient.EtcdSnapshot(asked, &machine.EtcdSnapshotRequest{})
	if err != nil {
		return Snapshot{}, c.fail(ctx, op, err, nil)
	}

	var check SnapshotCheck

	// Talos's own reader takes a cancelled stream for the end of the data.
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return Snapshot{}, c.fail(ctx, op, reason(asked, err), nil)
		}

		patience.moved()
		check.Write(message.GetBytes()) //nolint:errcheck // it never fails

		if _, err := to.Write(message.GetBytes()); err != nil {
			return Snapshot{}, fmt.Errorf("write the etcd snapshot of %s: %w", c.addr, err)
		}
	}

	found, err := check.Finish()
	if err != nil {
		return Snapshot{}, fmt.Errorf("%s on %s: %w", op, c.addr, err)
	}

	return found, nil
}
