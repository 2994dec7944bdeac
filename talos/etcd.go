// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
)

// EtcdMember is a member of the cluster's etcd, as one node sees it.
type EtcdMember struct {
	ID         uint64
	Hostname   string // empty until the member has started
	PeerURLs   []string
	ClientURLs []string
	Learner    bool
}

// ServiceState is the state of a service of a node.
type ServiceState struct {
	// State in Talos's words: Initialized, Preparing, Waiting, Pre, Running, Stopping, Finished, Failed, Skipped,
	// Starting. Empty: the node has no such service, as etcd before its bootstrap is known.
	State   string
	Healthy bool   // false also while no health is known
	Message string // the last of its health check or, without one, of its log of states
}

// Bootstrap starts a cluster's etcd on this node, as its only member. It must be called once in the life of a cluster:
// Talos looks at the called node only, and a second call on another control plane makes a second cluster with the same
// keys (siderolabs/talos#5500). It is for the caller to have written the node down first and to have asked all others.
// Errors are [ErrAlreadyBootstrapped], [ErrNotReady], [ErrUnavailable] (perhaps done, perhaps not) or final.
func (c *Client) Bootstrap(ctx context.Context) error {
	return c.bootstrap(ctx, "bootstrap etcd", &machine.BootstrapRequest{})
}

func (c *Client) bootstrap(ctx context.Context, op string, request *machine.BootstrapRequest) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	if err := c.api.Bootstrap(ctx, request); err != nil {
		return c.fail(ctx, op, err, map[codes.Code]error{
			codes.AlreadyExists:      ErrAlreadyBootstrapped,
			codes.FailedPrecondition: ErrNotReady,
		})
	}

	return nil
}

// EtcdMembers asks this node, and no other, who the members are. An error never means that there are none.
func (c *Client) EtcdMembers(ctx context.Context) ([]EtcdMember, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	reply, err := c.api.EtcdMemberList(ctx, &machine.EtcdMemberListRequest{QueryLocal: true})
	if err != nil {
		return nil, c.fail(ctx, "list etcd members", err, nil)
	}

	var members []EtcdMember

	for _, message := range reply.GetMessages() {
		for _, member := range message.GetMembers() {
			members = append(members, EtcdMember{
				ID:         member.GetId(),
				Hostname:   field(member.GetHostname()),
				PeerURLs:   fields(member.GetPeerUrls()),
				ClientURLs: fields(member.GetClientUrls()),
				Learner:    member.GetIsLearner(),
			})
		}
	}

	return members, nil
}

// EtcdServiceState reads the state of the node's etcd service.
func (c *Client) EtcdServiceState(ctx context.Context) (ServiceState, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	services, err := c.api.ServiceInfo(ctx, "etcd")
	if err != nil {
		return ServiceState{}, c.fail(ctx, "read the state of etcd", err, nil)
	}

	if len(services) == 0 {
		return ServiceState{}, nil
	}

	return serviceState(services[0].Service), nil
}

func fields(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = field(text)
	}

	return out
}
