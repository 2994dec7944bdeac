// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/etcd"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// etcdCluster is a list of members, shared by their disks. It is guarded by Peers.mu but for joining.
type etcdCluster struct {
	id      uint64
	members []*member
	added   int           // members so far, also those that are gone
	joining chan struct{} // holds one token while a member is being added: etcd adds one at a time
}

// member is a node's place in a cluster: what its etcd data directory says.
type member struct {
	cluster *etcdCluster
	id      uint64
	name    string
	address string
	learner bool
}

// found makes a one-member cluster: what Bootstrap does. Call it with the lock held.
func (p *Peers) found(n *node) *member {
	p.etcds++
	cluster := &etcdCluster{id: p.etcds, joining: make(chan struct{}, 1)}

	return cluster.add(n)
}

func (c *etcdCluster) add(n *node) *member {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%d %s %s %d", c.id, n.name, n.address, c.added)
	c.added++

	// A member of the same name is one whose data was wiped: Talos removes it before it adds the new one.
	c.members = slices.DeleteFunc(c.members, func(m *member) bool { return m.name == n.name })

	m := &member{cluster: c, id: sum.Sum64(), name: n.name, address: n.address.String()}
	c.members = append(c.members, m)

	return m
}

// runEtcd is the etcd service of a control plane, from its start to the end of the boot.
func (c *configured) runEtcd(ctx context.Context) error {
	if err := c.setService(ctx, serviceEtcd, statePreparing, "Running pre state"); err != nil {
		return err
	}

	if err := c.Clock.Wait(ctx, c.Timing.EtcdPull); err != nil {
		return err
	}

	own := c.Disks.member()
	if own == nil {
		var err error
		if own, err = c.enterCluster(ctx); err != nil {
			return err
		}
	}

	if err := c.Clock.Wait(ctx, c.Timing.EtcdStart); err != nil {
		return err
	}

	c.Peers.update(func() {
		own.learner = false
		c.self.etcd = own
	})
	c.report("etcd", map[string]string{"cluster": fmt.Sprint(own.cluster.id), "member": fmt.Sprintf("%016x", own.id)})

	id := etcd.NewMember(etcd.NamespaceName, etcd.LocalMemberID)
	id.TypedSpec().MemberID = etcd.FormatMemberID(own.id)

	if err := c.resources.Create(ctx, id); err != nil {
		return err
	}

	return c.setService(ctx, serviceEtcd, stateRunning, "Health check successful")
}

// enterCluster waits for a Bootstrap call or for a cluster to join, whichever comes first: an empty data directory alone
// never makes a cluster.
func (c *configured) enterCluster(ctx context.Context) (*member, error) {
	failed := false // a failed service tries to join nobody

	for {
		var (
			bootstrap bool
			cluster   *etcdCluster
		)

		err := c.Peers.wait(ctx, func() bool {
			bootstrap, cluster = c.bootstrap, c.Peers.discover(c.self)

			return bootstrap || cluster != nil && !failed
		})
		if err != nil {
			return nil, err
		}

		if !bootstrap {
			own, err := c.joinCluster(ctx, cluster)
			if err != nil || own != nil {
				return own, err
			}

			continue
		}

		own, err := c.beginCluster()
		if err == nil {
			return own, nil
		}

		failed = true
		if err := c.failRecovery(ctx, err); err != nil {
			return nil, err
		}
	}
}

func (c *configured) foundCluster() *member {
	var own *member

	c.Peers.update(func() {
		own = c.Peers.found(c.self)
		c.Disks.setMember(own)
	})
	c.report("etcd-founded", map[string]string{"cluster": fmt.Sprint(own.cluster.id)})

	return own
}

// joinCluster adds the node when its turn comes. Nil: there was a Bootstrap call meanwhile.
func (c *configured) joinCluster(ctx context.Context, cluster *etcdCluster) (*member, error) {
	select {
	case cluster.joining <- struct{}{}:
		defer func() { <-cluster.joining }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}

	var own *member

	c.Peers.update(func() {
		if !c.bootstrap {
			own = cluster.add(c.self)
			own.learner = true
			c.Disks.setMember(own)
		}
	})

	if own == nil {
		return nil, nil
	}

	return own, c.Clock.Wait(ctx, c.Timing.EtcdJoin)
}

// Bootstrap implements the machine API with the rules of Talos 1.13, in their order.
func (a *api) Bootstrap(_ context.Context, in *machine.BootstrapRequest) (*machine.BootstrapResponse, error) {
	boot := a.current()
	if boot == nil || !boot.criRuns() {
		return nil, status.Error(codes.FailedPrecondition, "bootstrap is not available yet")
	}

	if err := boot.checkControlPlane("bootstrap"); err != nil {
		return nil, err
	}

	if a.Faults != nil && !a.Faults.TimeSynced() {
		return nil, status.Error(codes.FailedPrecondition, "time is not in sync yet")
	}

	if a.Disks.member() != nil {
		return nil, status.Error(codes.AlreadyExists, "etcd data directory is not empty")
	}

	a.Peers.update(func() { boot.bootstrap, boot.recovery = true, in.GetRecoverEtcd() })
	a.report("bootstrap", nil)

	return &machine.BootstrapResponse{Messages: []*machine.Bootstrap{{}}}, nil
}

// EtcdMemberList implements the machine API: the members of the own etcd's cluster, or, where the own does not run and
// the caller did not insist, of the cluster that other control planes answer for.
func (a *api) EtcdMemberList(
	_ context.Context, request *machine.EtcdMemberListRequest,
) (*machine.EtcdMemberListResponse, error) {
	boot := a.current()
	if err := boot.checkControlPlane("member list"); err != nil {
		return nil, err
	}

	a.Peers.mu.Lock()
	defer a.Peers.mu.Unlock()

	var cluster *etcdCluster

	if own := boot.self.etcd; own != nil {
		cluster = own.cluster
	} else if !request.GetQueryLocal() {
		cluster = a.Peers.discover(boot.self)
	}

	if cluster == nil {
		return nil, status.Error(codes.Unavailable, "error building etcd client: no etcd member answers")
	}

	list := &machine.EtcdMembers{}

	for _, m := range slices.SortedFunc(slices.Values(cluster.members), func(x, y *member) int {
		return cmp.Compare(x.id, y.id)
	}) {
		list.LegacyMembers = append(list.LegacyMembers, m.name)
		list.Members = append(list.Members, &machine.EtcdMember{
			Id: m.id, Hostname: m.name, IsLearner: m.learner,
			PeerUrls: []string{"https://" + m.address + ":2380"}, ClientUrls: []string{"https://" + m.address + ":2379"},
		})
	}

	return &machine.EtcdMemberListResponse{Messages: []*machine.EtcdMembers{list}}, nil
}
