// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"fmt"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"google.golang.org/grpc"
)

// List implements the machine API for etcd's data directory, and without recursion.
func (a *api) List(in *machine.ListRequest, stream grpc.ServerStreamingServer[machine.FileInfo]) error {
	root := strings.TrimSuffix(in.GetRoot(), "/")
	if root != constants.EtcdDataPath || a.current() == nil {
		return fmt.Errorf("lstat %s: no such file or directory", root)
	}

	if err := stream.Send(&machine.FileInfo{Name: root, RelativeName: ".", IsDir: true}); err != nil {
		return err
	}

	if a.Disks.member() == nil {
		return nil
	}

	return stream.Send(&machine.FileInfo{Name: root + "/member", RelativeName: "member", IsDir: true})
}
