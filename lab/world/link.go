// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"net"
	"net/url"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
	"github.com/cozystack/cozy-install/lab/plane"
)

// link is how the simulated machines reach the lab's control plane: what they call their own API server is spliced to it.
type link struct{ plane *plane.Plane }

func (l link) Kubeconfig(server string) ([]byte, error) { return l.plane.KubeconfigFor(server) }

func (l link) RegisterNode(ctx context.Context, node talosim.KubernetesNode) error {
	role := plane.Worker
	if node.ControlPlane {
		role = plane.ControlPlane
	}
	return l.plane.RegisterNode(ctx, plane.NodeSpec{
		Name: node.Name, Role: role, InternalIP: node.InternalIP, Labels: node.Labels,
		TalosVersion: node.TalosVersion, KubernetesVersion: node.KubeletVersion,
	})
}

// SetDown changes nothing: the plane's KWOK keeps up the heartbeat of every node it knows, also while its machine is off.
func (l link) SetDown(context.Context, string) error { return nil }

func (l link) Dial(ctx context.Context) (net.Conn, error) {
	server, err := url.Parse(l.plane.Server())
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, "tcp", server.Host)
}
