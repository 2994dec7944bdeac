// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

func TestAMajorityRemovesADeadMember(t *testing.T) {
	nodes := newLab(t, 177).cluster(3)
	c := nodes[0].admin()

	list, err := c.EtcdMemberList(t.Context(), &machine.EtcdMemberListRequest{QueryLocal: true})
	require.NoError(t, err)

	remove := func(name string) error {
		id := uint64(1)

		for _, m := range list.GetMessages()[0].GetMembers() {
			if m.GetHostname() == name {
				id = m.GetId()
			}
		}

		return c.EtcdRemoveMemberByID(t.Context(), &machine.EtcdRemoveMemberByIDRequest{MemberId: id})
	}

	require.Equal(t, codes.NotFound, client.StatusCode(remove("nobody")))
	nodes[2].off()
	require.NoError(t, remove("node-3"))
	nodes[0].wantMembers("node-1", "node-2")
	nodes[1].off()
	require.ErrorContains(t, remove("node-2"), "no leader", "one of two is no majority")
}
