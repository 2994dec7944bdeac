// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/lab/taloslab"
	"github.com/cozystack/cozy-install/talos"
)

// darkness is how long a node without power stays so.
const darkness = 3 * time.Second

// cutPowerOnce cuts a node's power as soon as it has its config, and gives it back. What went wrong is in the channel when that is over.
func cutPowerOnce(t *testing.T, lab *taloslab.Lab, node *taloslab.Node, creds *talos.Credentials) <-chan error {
	t.Helper()
	ctx, done := t.Context(), make(chan error, 1)
	go func() {
		err := wait.Until(ctx, wait.Check{
			Title: node.Name + " to have its config", Interval: 200 * time.Millisecond, Timeout: 5 * time.Minute, ProbeTimeout: 10 * time.Second,
			Probe: func(ctx context.Context) error {
				answer, err := talos.Probe(ctx, node.Addr(), creds)
				if err == nil && answer.State != talos.Ours {
					err = errors.New("it is " + string(answer.State))
				}
				return err
			},
		})
		if err == nil {
			err = node.Stop(ctx)
			time.Sleep(darkness)
			err = errors.Join(err, lab.StartAgain(ctx, node))
		}
		done <- err
	}()
	return done
}

// loseTheVIP cuts the power of the control plane that has the VIP. The Kubernetes API answers at the VIP without it, and when
// it is back all is as before.
func loseTheVIP(t *testing.T, lab *taloslab.Lab, made testSite, client kubernetes.Interface, nodes []*taloslab.Node) {
	t.Helper()
	node := holder(t, client, nodes)
	require.NoError(t, node.Stop(t.Context()))
	until(t, 2*time.Minute, "Kubernetes to answer without "+node.Name, func(ctx context.Context) error {
		_, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		return err
	})
	require.NotEqual(t, node, holder(t, client, nodes))
	require.NoError(t, lab.StartAgain(t.Context(), node))
	up(t, made, "--from", "install", "--until", "register")
	up(t, made, "--from", "nodes", "--until", "nodes")
}

// holder asks the VIP something, and the kernel who answered.
func holder(t *testing.T, client kubernetes.Interface, nodes []*taloslab.Node) *taloslab.Node {
	t.Helper()
	_, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	neighbours, err := netlink.NeighList(0, netlink.FAMILY_V4)
	require.NoError(t, err)
	for _, neighbour := range neighbours {
		for _, node := range nodes {
			if neighbour.IP.String() == vip.String() && neighbour.HardwareAddr.String() == node.MAC.String() {
				return node
			}
		}
	}
	t.Fatalf("nobody has %s: %v", vip, neighbours)
	return nil
}
