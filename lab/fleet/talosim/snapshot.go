// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// pageSize is that of a bbolt database, etcd's format.
	pageSize = 4096
	// snapshotPages make a snapshot that takes several messages to send.
	snapshotPages = 64
	// chunkSize is what Talos puts into one message.
	chunkSize = 32 << 10
)

// snapshotContent is what the simulated database holds.
type snapshotContent struct {
	Cluster uint64   `json:"cluster"`
	Members []string `json:"members"`
}

// encodeSnapshot makes the bytes of an etcd snapshot: a database whose first page is a bbolt meta page, and the SHA-256
// of all of it.
func encodeSnapshot(content snapshotContent) ([]byte, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}

	database := make([]byte, snapshotPages*pageSize)
	// A page's header has 16 bytes, of which bytes 8 and 9 are its kind: 4 is meta. Then magic, version, page size.
	binary.LittleEndian.PutUint16(database[8:], 4)
	binary.LittleEndian.PutUint32(database[16:], 0xED0CDAED)
	binary.LittleEndian.PutUint32(database[20:], 2)
	binary.LittleEndian.PutUint32(database[24:], pageSize)
	copy(database[2*pageSize:], text)

	sum := sha256.Sum256(database)

	return slices.Concat(database, sum[:]), nil
}

// decodeSnapshot checks a snapshot as etcd does before it restores one.
func decodeSnapshot(data []byte, skipHash bool) (snapshotContent, error) {
	if len(data)%512 != sha256.Size && !skipHash {
		return snapshotContent{}, errors.New("snapshot missing hash but --skip-hash-check=false")
	}

	database := data[:len(data)-len(data)%512]
	if sum := sha256.Sum256(database); !skipHash && !bytes.Equal(sum[:], data[len(database):]) {
		return snapshotContent{}, fmt.Errorf("expected sha256 %x, got %x", data[len(database):], sum)
	}

	if len(database) < 3*pageSize || binary.LittleEndian.Uint32(database[16:]) != 0xED0CDAED {
		return snapshotContent{}, errors.New("invalid database")
	}

	var content snapshotContent

	return content, json.NewDecoder(bytes.NewReader(database[2*pageSize:])).Decode(&content)
}

// EtcdSnapshot implements the machine API: the own etcd's database, in pieces.
func (a *api) EtcdSnapshot(_ *machine.EtcdSnapshotRequest, stream grpc.ServerStreamingServer[common.Data]) error {
	boot := a.current()
	if err := boot.checkControlPlane("etcd snapshot"); err != nil {
		return err
	}

	data, err := boot.snapshot()
	if err != nil {
		return err
	}

	for len(data) > 0 {
		piece := data[:min(chunkSize, len(data))]
		data = data[len(piece):]

		if err := stream.Send(&common.Data{Bytes: piece}); err != nil {
			return err
		}
	}

	a.report("etcd-snapshot", nil)

	return nil
}

func (c *configured) snapshot() ([]byte, error) {
	c.Peers.mu.Lock()
	defer c.Peers.mu.Unlock()

	own := c.self.etcd
	if own == nil {
		return nil, status.Error(codes.Unavailable, "failed reading etcd snapshot: connection refused")
	}

	content := snapshotContent{Cluster: own.cluster.id}
	for _, m := range own.cluster.members {
		content.Members = append(content.Members, m.name)
	}

	return encodeSnapshot(content)
}

// EtcdRecover implements the machine API: it keeps a snapshot for the next Bootstrap that asks for it. Nothing is checked
// yet, as on a real node.
func (a *api) EtcdRecover(stream grpc.ClientStreamingServer[common.Data, machine.EtcdRecoverResponse]) error {
	boot := a.current()
	if err := boot.checkControlPlane("etcd recover"); err != nil {
		return err
	}

	if !boot.criRuns() {
		return status.Error(codes.FailedPrecondition, "etcd service is not ready for recovery yet")
	}

	var snapshot []byte

	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return err
		}

		snapshot = append(snapshot, message.GetBytes()...)
	}

	a.Disks.setUploaded(snapshot)
	a.report("etcd-upload", map[string]string{"bytes": fmt.Sprint(len(snapshot))})

	return stream.SendAndClose(&machine.EtcdRecoverResponse{Messages: []*machine.EtcdRecover{{}}})
}

// beginCluster does what the Bootstrap call asked for.
func (c *configured) beginCluster() (*member, error) {
	c.Peers.mu.Lock()
	recovery := c.recovery
	c.Peers.mu.Unlock()

	if recovery {
		return c.recoverCluster()
	}

	return c.foundCluster(), nil
}

// recoverCluster makes a one-member cluster of the uploaded snapshot, which is used up.
func (c *configured) recoverCluster() (*member, error) {
	data := c.Disks.uploaded()
	if data == nil {
		return nil, errors.New("error verifying snapshot: stat /var/lib/etcd.snapshot: no such file or directory")
	}

	content, err := decodeSnapshot(data, false)
	if err != nil {
		return nil, fmt.Errorf("error recovering from the snapshot: %w", err)
	}

	var own *member

	c.Peers.update(func() {
		own = c.Peers.found(c.self)
		c.Disks.setMember(own)
	})
	c.Disks.setUploaded(nil)
	c.report("etcd-restored", map[string]string{
		"cluster": fmt.Sprint(own.cluster.id), "from": fmt.Sprint(content.Cluster),
	})

	return own, nil
}

// failRecovery leaves etcd failed until it is bootstrapped again.
func (c *configured) failRecovery(ctx context.Context, why error) error {
	c.Peers.update(func() { c.bootstrap, c.recovery = false, false })

	return c.setService(ctx, serviceEtcd, stateFailed, "Failed to run pre stage: "+why.Error())
}
