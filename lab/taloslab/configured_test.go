// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/taloslab"
	"github.com/cozystack/cozy-install/talos"
)

func TestRealNodeBecomesOursAndBootstrapsEtcdOnce(t *testing.T) {
	lab := openLab(t)
	_, err := lab.ServeImages(t.Context(), imageServer)
	require.NoError(t, err)
	node, answer := startNode(t, lab, 1)
	made := writeSite(t, lab, node)
	configs, creds := made.configs(t)
	configure(t, node.Addr(), answer.Fingerprint, configs[node.Name], creds)

	client, err := talos.Dial(t.Context(), node.Addr(), creds)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	bootstrapOnce(t, node, client)

	kubeconfig, err := client.Kubeconfig(t.Context())
	require.NoError(t, err)
	require.Contains(t, string(kubeconfig), "server: https://"+vip.String()+":6443")
}

// bootstrapOnce bootstraps etcd as soon as the node can, waits for the one member, and proves that a second call is refused.
//
// It does not call again before: as long as etcd's directory is empty Talos 1.12.0 accepts every call, and one that arrives
// just after etcd has started stops it for good ("Finished: Bootstrap requested").
func bootstrapOnce(t *testing.T, node *taloslab.Node, client *talos.Client) {
	t.Helper()
	until(t, 2*time.Minute, "etcd to be bootstrapped", func(ctx context.Context) error {
		return client.Bootstrap(ctx)
	})
	until(t, 3*time.Minute, "etcd to have a member", func(ctx context.Context) error {
		members, err := client.EtcdMembers(ctx)
		if err != nil {
			return err
		}
		if len(members) != 1 || members[0].Hostname != node.Name {
			return fmt.Errorf("members: %+v", members)
		}
		return nil
	})
	require.ErrorIs(t, client.Bootstrap(t.Context()), talos.ErrAlreadyBootstrapped)
}
