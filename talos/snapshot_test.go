// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cozystack/cozy-install/talos"
)

// etcdSnapshot makes a snapshot of so many pages.
func etcdSnapshot(pages int) []byte {
	database := make([]byte, pages*4096)
	binary.LittleEndian.PutUint32(database[16:], 0xED0CDAED)
	binary.LittleEndian.PutUint32(database[20:], 2)
	sum := sha256.Sum256(database)

	return slices.Concat(database, sum[:])
}

func changed(data []byte, change func([]byte) []byte) []byte { return change(bytes.Clone(data)) }

func TestASnapshotIsJudgedHoweverItComes(t *testing.T) {
	whole := etcdSnapshot(3)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"whole":          {whole, ""},
		"empty":          {nil, "it is empty"},
		"cut in a page":  {whole[:5000], "cut off, or has none"},
		"no checksum":    {whole[:3*4096], "cut off, or has none"},
		"a page missing": {changed(whole, func(b []byte) []byte { return append(b[:4096], b[2*4096:]...) }), "its checksum does not fit"},
		"a bit turned":   {changed(whole, func(b []byte) []byte { b[9000] ^= 1; return b }), "its checksum does not fit"},
		"a bit turned in the checksum": {
			changed(whole, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), "its checksum does not fit",
		},
		"something else": {bytes.Repeat([]byte("<html>"), 1000), "does not begin as a bbolt database"},
		"of a few bytes": {[]byte("x"), "does not begin as a bbolt database"},
	} {
		for _, piece := range []int{1, 31, 32, 33, 4096, 1 << 20} {
			var check talos.SnapshotCheck

			for rest := test.data; len(rest) > 0; {
				n, err := check.Write(rest[:min(piece, len(rest))])
				require.NoError(t, err)

				rest = rest[n:]
			}

			got, err := check.Finish()
			if test.want == "" {
				require.NoError(t, err, name)
				require.Equal(t, talos.Snapshot{Bytes: int64(len(whole)), SHA256: fmt.Sprintf("%x", sha256.Sum256(whole))}, got)

				continue
			}

			var bad *talos.SnapshotError
			require.ErrorAs(t, err, &bad, "%s in pieces of %d", name, piece)
			require.ErrorContains(t, err, test.want, name)
		}
	}
}

func TestEtcdSnapshotIsWhatTheNodeSentOrAnError(t *testing.T) {
	whole := etcdSnapshot(40)
	send := func(data []byte, end error) func(machine.MachineService_EtcdSnapshotServer) error {
		return func(stream machine.MachineService_EtcdSnapshotServer) error {
			for len(data) > 0 {
				piece := data[:min(32<<10, len(data))]
				data = data[len(piece):]

				if err := stream.Send(&common.Data{Bytes: piece}); err != nil {
					return err
				}
			}

			return end
		}
	}

	var got bytes.Buffer

	found, err := dialFake(t, &fakeNode{snapshot: send(whole, nil)}).EtcdSnapshot(t.Context(), &got)
	require.NoError(t, err)
	require.Equal(t, int64(len(whole)), found.Bytes)
	require.True(t, bytes.Equal(whole, got.Bytes()))

	// Talos's own reader takes a cancelled stream for its end.
	for _, code := range []codes.Code{codes.Canceled, codes.DeadlineExceeded, codes.Unavailable} {
		_, err = dialFake(t, &fakeNode{snapshot: send(whole, status.Error(code, "enough"))}).EtcdSnapshot(t.Context(), io.Discard)
		require.ErrorContains(t, err, "enough")
	}

	var bad *talos.SnapshotError
	_, err = dialFake(t, &fakeNode{snapshot: send(whole[:len(whole)-4096], nil)}).EtcdSnapshot(t.Context(), io.Discard)
	require.ErrorAs(t, err, &bad)

	_, err = dialFake(t, &fakeNode{snapshot: send(whole, nil)}).EtcdSnapshot(t.Context(), fullDisk{})
	require.ErrorIs(t, err, errFull)
}

var errFull = errors.New("no space left on device")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// A snapshot is larger than what other streams may bring, and is never held in memory.
func TestALargeSnapshotTakesLittleMemory(t *testing.T) {
	const pages = 64 << 8 // 64 MiB

	node := &fakeNode{snapshot: func(stream machine.MachineService_EtcdSnapshotServer) error {
		sum := sha256.New()
		page := make([]byte, 8*4096)

		for i := range pages / 8 {
			clear(page[:32])

			if i == 0 {
				copy(page, etcdSnapshot(1)[:32])
			}

			sum.Write(page)

			if err := stream.Send(&common.Data{Bytes: page}); err != nil {
				return err
			}
		}

		return stream.Send(&common.Data{Bytes: sum.Sum(nil)})
	}}
	client := dialFake(t, node)

	var before, after runtime.MemStats

	runtime.GC()
	runtime.ReadMemStats(&before)

	found, err := client.EtcdSnapshot(t.Context(), io.Discard)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Equal(t, int64(pages*4096+32), found.Bytes)
	require.Less(t, int64(after.HeapSys)-int64(before.HeapSys), int64(32<<20), "bytes of heap taken from the system")
}
