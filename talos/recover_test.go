// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cozystack/cozy-install/talos"
)

// received reads what EtcdRecover is sent.
func received(stream machine.MachineService_EtcdRecoverServer) ([]byte, error) {
	var all []byte

	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}

		if err != nil {
			return nil, err
		}

		all = append(all, message.GetBytes()...)
	}
}

func TestUploadSnapshotSendsAllOfItOrFails(t *testing.T) {
	whole := etcdSnapshot(100)

	var (
		got     []byte
		failure error
	)

	client := dialFake(t, &fakeNode{recovers: func(stream machine.MachineService_EtcdRecoverServer) (err error) {
		if failure != nil {
			return failure
		}

		if got, err = received(stream); err != nil {
			return err
		}

		return stream.SendAndClose(&machine.EtcdRecoverResponse{Messages: []*machine.EtcdRecover{{}}})
	}})

	// A reader may give its last bytes together with the end; Talos's own client drops them.
	require.NoError(t, client.UploadSnapshot(t.Context(), iotest.DataErrReader(bytes.NewReader(whole))))
	require.True(t, bytes.Equal(whole, got))

	got = nil
	broken := errors.New("disk error")
	err := client.UploadSnapshot(t.Context(), io.MultiReader(bytes.NewReader(whole[:70000]), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Nil(t, got, "half a snapshot is not kept")

	failure = status.Error(codes.FailedPrecondition, "etcd service is not ready for recovery yet")
	require.ErrorIs(t, client.UploadSnapshot(t.Context(), bytes.NewReader(whole)), talos.ErrNotReady)
}

func TestBootstrapFromSnapshotSaysSoAndDecidesAsBootstrap(t *testing.T) {
	var asked []bool

	node := &fakeNode{bootstrap: func() error { return nil }, bootstrapped: func(r *machine.BootstrapRequest) { asked = append(asked, r.GetRecoverEtcd()) }}
	client := dialFake(t, node)
	require.NoError(t, client.Bootstrap(t.Context()))
	require.NoError(t, client.BootstrapFromSnapshot(t.Context()))
	require.Equal(t, []bool{false, true}, asked)

	node.bootstrap = func() error { return status.Error(codes.AlreadyExists, "etcd data directory is not empty") }
	require.ErrorIs(t, client.BootstrapFromSnapshot(t.Context()), talos.ErrAlreadyBootstrapped)
}

func TestHasEtcdDataKnowsAnEmptyDirectoryFromNone(t *testing.T) {
	root := &machine.FileInfo{Name: "/var/lib/etcd", RelativeName: ".", IsDir: true}
	for name, test := range map[string]struct {
		entries []*machine.FileInfo
		end     error
		want    bool
		fails   string
	}{
		"data":         {entries: []*machine.FileInfo{root, {Name: "/var/lib/etcd/member", IsDir: true}}, want: true},
		"empty":        {entries: []*machine.FileInfo{root}},
		"none":         {end: errors.New("lstat /var/lib/etcd: no such file or directory")},
		"unreadable":   {entries: []*machine.FileInfo{{Name: "/var/lib/etcd", Error: "permission denied"}}, fails: "permission denied"},
		"unreachable":  {end: status.Error(codes.Unavailable, "no such file or directory of ours"), fails: "no such file"},
		"not for you":  {end: status.Error(codes.PermissionDenied, "not authorized"), fails: "not authorized"},
		"broken after": {entries: []*machine.FileInfo{root}, end: status.Error(codes.Internal, "I/O error"), fails: "I/O error"},
	} {
		client := dialFake(t, &fakeNode{list: func(in *machine.ListRequest, stream machine.MachineService_ListServer) error {
			if in.GetRoot() != "/var/lib/etcd" {
				return errors.New("not that directory")
			}

			for _, entry := range test.entries {
				if err := stream.Send(entry); err != nil {
					return err
				}
			}

			return test.end
		}})

		got, err := client.HasEtcdData(t.Context())
		if test.fails != "" {
			require.ErrorContains(t, err, test.fails, name)

			continue
		}

		require.NoError(t, err, name)
		require.Equal(t, test.want, got, name)
	}
}

func TestBootIDIsOneLine(t *testing.T) {
	client := dialFake(t, &fakeNode{read: func(in *machine.ReadRequest, stream machine.MachineService_ReadServer) error {
		return stream.Send(&common.Data{Bytes: []byte("0b0b" + in.GetPath()[len("/proc/sys/kernel/random/boot_id"):] + "\n")})
	}})
	got, err := client.BootID(t.Context())
	require.NoError(t, err)
	require.Equal(t, "0b0b", got)

	_, err = dialFake(t, &fakeNode{read: func(*machine.ReadRequest, machine.MachineService_ReadServer) error { return nil }}).BootID(t.Context())
	require.ErrorContains(t, err, "the node tells none")
}

func TestResetNamesThePartitionsItWipes(t *testing.T) {
	var asked []*machine.ResetRequest

	client := dialFake(t, &fakeNode{reset: func(in *machine.ResetRequest) error {
		asked = append(asked, in)

		return nil
	}})
	require.NoError(t, client.Reset(t.Context(), talos.Reset{Graceful: true}))
	require.NoError(t, client.Reset(t.Context(), talos.Reset{KeepConfig: true, UserDisks: []string{"/dev/sdb"}}))

	labels := func(in *machine.ResetRequest) (out []string) {
		for _, spec := range in.GetSystemPartitionsToWipe() {
			require.True(t, spec.GetWipe())

			out = append(out, spec.GetLabel())
		}

		return out
	}
	require.Equal(t, []string{"EPHEMERAL", "STATE"}, labels(asked[0]), "an empty list would wipe the whole disk")
	require.Equal(t, []string{"EPHEMERAL"}, labels(asked[1]))
	require.True(t, asked[0].GetGraceful() && asked[0].GetReboot() && asked[1].GetReboot() && !asked[1].GetGraceful())
	require.Empty(t, asked[0].GetUserDisksToWipe())
	require.Equal(t, []string{"/dev/sdb"}, asked[1].GetUserDisksToWipe())
}

func TestUserDisksAreNeverTheSystems(t *testing.T) {
	node := &fakeNode{}
	add := func(name, transport string, readonly, cdrom bool) {
		disk := block.NewDisk(block.NamespaceName, name)
		*disk.TypedSpec() = block.DiskSpec{DevPath: "/dev/" + name, Size: 1 << 30, Transport: transport, Readonly: readonly, CDROM: cdrom}
		node.resources = append(node.resources, disk)
	}
	add("sda", "sata", false, false)
	add("sdb", "sata", false, false)
	add("sdc", "usb", true, false)
	add("sr0", "sata", false, true)
	add("loop0", "", true, false)
	add("zram0", "", false, false)

	_, err := dialFake(t, node).UserDisks(t.Context())
	require.ErrorContains(t, err, "system disk", "a node that does not tell which is the system's loses none")

	system := block.NewSystemDisk(block.NamespaceName, block.SystemDiskID)
	*system.TypedSpec() = block.SystemDiskSpec{DiskID: "sda", DevPath: "/dev/sda"}
	node.resources = append(node.resources, system)
	disks, err := dialFake(t, node).UserDisks(t.Context())
	require.NoError(t, err)
	require.Len(t, disks, 1)
	require.Equal(t, "/dev/sdb", disks[0].DevPath)
}

func TestEtcdStatusIsTheNodesOwn(t *testing.T) {
	client := dialFake(t, &fakeNode{etcdStatus: &machine.EtcdMemberStatus{
		MemberId: 7, Leader: 8, DbSize: 20 << 20, RaftAppliedIndex: 99, Errors: []string{"memberID:8 alarm:NOSPACE\n"},
	}})
	got, err := client.EtcdStatus(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.EtcdStatus{
		MemberID: 7, Leader: 8, Bytes: 20 << 20, Applied: 99, Errors: []string{"memberID:8 alarm:NOSPACE"},
	}, got)
}
