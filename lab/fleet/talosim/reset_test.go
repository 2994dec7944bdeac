// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

// partitions asks for partitions of the system disk to be wiped.
func partitions(labels ...string) []*machine.ResetPartitionSpec {
	var specs []*machine.ResetPartitionSpec
	for _, label := range labels {
		specs = append(specs, &machine.ResetPartitionSpec{Label: label, Wipe: true})
	}

	return specs
}

func (m *testMachine) reset(in *machine.ResetRequest) error {
	return m.admin().ResetGeneric(m.lab.Context(), in)
}

// etcdCluster is three control planes with one etcd.
func etcdCluster(t *testing.T, prefix byte) (*testLab, []*testMachine) {
	t.Helper()

	lab := newLab(t, prefix)

	var nodes []*testMachine
	for i := byte(1); i <= 3; i++ {
		nodes = append(nodes, lab.machine(i))
		nodes[i-1].install(lab.configFor(i, machinetype.TypeControlPlane))
	}

	nodes[0].bootstrap()

	for _, n := range nodes {
		n.wantMembers("node-1", "node-2", "node-3")
	}

	return lab, nodes
}

func snapshotOf(t *testing.T, c *client.Client) []byte {
	t.Helper()

	stream, err := c.EtcdSnapshot(t.Context(), &machine.EtcdSnapshotRequest{})
	require.NoError(t, err)
	defer stream.Close()

	data, err := io.ReadAll(stream)
	require.NoError(t, err)

	return data
}

func TestASnapshotBecomesANewClusterWhereEtcdWasWiped(t *testing.T) {
	lab, nodes := etcdCluster(t, 180)
	snapshot := snapshotOf(t, nodes[1].admin())
	require.Equal(t, 32, len(snapshot)%512, "a SHA-256 follows the pages")

	for _, n := range nodes {
		require.NoError(t, n.reset(&machine.ResetRequest{Reboot: true, SystemPartitionsToWipe: partitions("EPHEMERAL")}))
	}

	for _, n := range nodes {
		lab.eventually("etcd prepares again", func() error { return serviceIs(t, n.admin(), "etcd", "Preparing") })
	}

	c := nodes[2].admin()
	lab.eventually("a bootstrap that names a snapshot that is not there fails etcd", func() error {
		if err := c.Bootstrap(t.Context(), &machine.BootstrapRequest{RecoverEtcd: true}); err != nil {
			return err
		}

		return serviceIs(t, c, "etcd", "Failed")
	})

	broken := bytes.Clone(snapshot)
	broken[100]++
	_, err := c.EtcdRecover(t.Context(), bytes.NewReader(broken))
	require.NoError(t, err, "the upload checks nothing")
	require.NoError(t, c.Bootstrap(t.Context(), &machine.BootstrapRequest{RecoverEtcd: true}))
	lab.eventually("the checksum is noticed", func() error { return serviceSays(t, c, "etcd", "expected sha256") })

	_, err = c.EtcdRecover(t.Context(), bytes.NewReader(snapshot))
	require.NoError(t, err)
	require.NoError(t, c.Bootstrap(t.Context(), &machine.BootstrapRequest{RecoverEtcd: true}))

	for _, n := range nodes {
		n.wantMembers("node-1", "node-2", "node-3")
	}

	err = c.Bootstrap(t.Context(), &machine.BootstrapRequest{RecoverEtcd: true})
	require.Equal(t, codes.AlreadyExists, client.StatusCode(err), "%v", err)
}

// serviceSays looks for a text in what a service told last.
func serviceSays(t *testing.T, c *client.Client, id, want string) error {
	t.Helper()

	list, err := c.ServiceList(t.Context())
	if err != nil {
		return err
	}

	for _, s := range list.GetMessages()[0].GetServices() {
		events := s.GetEvents().GetEvents()
		if s.GetId() == id && bytes.Contains([]byte(events[len(events)-1].GetMsg()), []byte(want)) {
			return nil
		}
	}

	return fmt.Errorf("%v", list)
}

func TestAGracefulResetLeavesEtcdAndAFullOneBlanksTheDisk(t *testing.T) {
	lab, nodes := etcdCluster(t, 181)
	require.ErrorContains(t, nodes[2].reset(&machine.ResetRequest{UserDisksToWipe: []string{"/dev/vda"}}), "is the system disk")
	require.ErrorContains(t, nodes[2].reset(&machine.ResetRequest{UserDisksToWipe: []string{"/dev/sdz"}}), "wasn't found")
	require.ErrorContains(t, nodes[2].reset(&machine.ResetRequest{SystemPartitionsToWipe: partitions("ROOT")}), "failed to get volume status")

	require.NoError(t, nodes[2].reset(&machine.ResetRequest{
		Graceful: true, Reboot: true, UserDisksToWipe: []string{"/dev/vdb"}, SystemPartitionsToWipe: partitions("STATE", "EPHEMERAL"),
	}))

	for _, n := range nodes[:2] {
		n.wantMembers("node-1", "node-2")
	}

	lab.eventually("maintenance", func() error {
		_, err := nodes[2].anonymous().Version(t.Context())

		return err
	})
	require.True(t, nodes[2].storage.Installed(), "the boot partition is left")
	require.Empty(t, nodes[2].storage.Config())
	require.Equal(t, []string{"/dev/vdb"}, nodes[2].storage.WipedUserDisks())

	require.NoError(t, nodes[1].reset(&machine.ResetRequest{Reboot: true}))
	lab.eventually("a blank disk", func() error {
		if nodes[1].storage.Installed() {
			return errors.New("still installed")
		}

		return nil
	})

	// Without having left: when it comes back its old member makes place for it.
	nodes[1].install(lab.configFor(2, machinetype.TypeControlPlane))
	nodes[1].wantMembers("node-1", "node-2")
}

func TestTheLastMemberCannotLeave(t *testing.T) {
	lab := newLab(t, 182)
	m := lab.machine(1)
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	m.bootstrap()
	m.wantMembers("node-1")

	err := m.admin().EtcdLeaveCluster(t.Context(), &machine.EtcdLeaveClusterRequest{})
	require.ErrorContains(t, err, "not enough started members")
	require.NoError(t, m.reset(&machine.ResetRequest{Graceful: true, Reboot: true}), "that it fails is in its log alone")
	m.wantMembers("node-1")
}

func TestAMemberLeavesOnDemand(t *testing.T) {
	lab, nodes := etcdCluster(t, 183)
	require.NoError(t, nodes[0].admin().EtcdLeaveCluster(t.Context(), &machine.EtcdLeaveClusterRequest{}))
	nodes[1].wantMembers("node-2", "node-3")
	lab.eventually("etcd ends", func() error { return serviceIs(t, nodes[0].admin(), "etcd", "Finished") })

	_, err := nodes[0].admin().EtcdStatus(t.Context())
	require.Equal(t, codes.Unavailable, client.StatusCode(err), "%v", err)

	leads := 0

	for _, n := range nodes[1:] {
		reply, err := n.admin().EtcdStatus(t.Context())
		require.NoError(t, err)

		if own := reply.GetMessages()[0].GetMemberStatus(); own.GetMemberId() == own.GetLeader() {
			leads++
		}
	}

	require.Equal(t, 1, leads)
}
