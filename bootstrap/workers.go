// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// isMute says that nobody can expect a worker to answer: it was given its config, and there is no etcd yet. A worker's apid waits
// for a certificate that trustd of a control plane signs. It finds trustd at the site's endpoint or, by its kubelet, in
// Kubernetes. Both are there only when etcd is: the layer-2 VIP is elected in etcd (machined's k8s.StaticEndpointController,
// k8s.EndpointController and secrets.APIController; discovery, the third way, is off).
func (b *bringup) isMute(node site.Node, seen sight) (bool, error) {
	if node.Role != site.Worker || seen.state != talos.Unreachable {
		return false, nil
	}
	journal, err := b.dir.Journal()
	return err == nil && journal.Applied[node.Name] && !journal.EtcdStarted, err
}

// awaitWorkers waits for workers as awaitInstallation did for control planes, when they can answer. A site without any does not
// wait.
func (b *bringup) awaitWorkers(ctx context.Context, say phase.Say) error {
	if len(b.controlPlanes()) == len(b.nodes()) {
		return nil
	}
	nodes := b.watch("have not come back installed", talos.Ours)
	return b.awaitMost(ctx, say, "the workers to come back installed", 0, func(ctx context.Context) error {
		return b.assertInstalled(ctx, nodes, say)
	})
}
