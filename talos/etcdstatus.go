// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"fmt"
)

// EtcdStatus is how a node's own etcd is.
type EtcdStatus struct {
	MemberID uint64
	Leader   uint64 // 0: it knows none, so there is no quorum
	Learner  bool
	Bytes    int64    // size of the database on disk
	Applied  uint64   // index of the last entry of the log that it applied
	Errors   []string // alarms and the like
}

// EtcdStatus asks this node's own etcd, which must run.
func (c *Client) EtcdStatus(ctx context.Context) (EtcdStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	reply, err := c.api.EtcdStatus(ctx)
	if err != nil {
		return EtcdStatus{}, c.fail(ctx, "read the status of etcd", err, nil)
	}

	if len(reply.GetMessages()) == 0 {
		return EtcdStatus{}, fmt.Errorf("read the status of etcd on %s: the answer is empty", c.addr)
	}

	status := reply.GetMessages()[0].GetMemberStatus()

	return EtcdStatus{
		MemberID: status.GetMemberId(), Leader: status.GetLeader(), Learner: status.GetIsLearner(), Bytes: status.GetDbSize(),
		Applied: status.GetRaftAppliedIndex(), Errors: fields(status.GetErrors()),
	}, nil
}
