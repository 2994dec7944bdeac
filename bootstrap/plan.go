// SPDX-License-Identifier: Apache-2.0

// Package bootstrap takes a site from bare servers to a Ready tenant-root. It is the only package that knows the order of
// things: it translates the site file into the input of each domain package, introduces them to each other, and waits.
//
// Still missing in this version: the choice of a link for machines known by serial or UUID only. Steps that storage and network packages want before a node is removed are named, and not done.
package bootstrap

import "github.com/cozystack/cozy-install/bootstrap/phase"

// phases is the whole program, in order. Each phase looks at the world first and does only what is missing, so running
// the list again is going on.
func (b *bringup) phases() []phase.Phase {
	all := b.fromBareMachines()
	if b.site.Hosted() {
		all = b.onExistingCluster()
	}
	if b.site.HasTenants() {
		all = append(all, b.createTenantRoot()) // the first tenant, its services ready and its URL answering
	}
	return all
}

func (b *bringup) fromBareMachines() []phase.Phase {
	return []phase.Phase{
		b.createSecrets(),     // once per cluster, kept in the work directory
		b.generateConfigs(),   // one machine config per node, validated before anything is touched
		b.netbootMachines(),   // serve DHCP, TFTP and HTTP until every machine answers in maintenance mode
		b.applyConfigs(),      // push each config over the Talos API to the machine whose identity was checked
		b.awaitInstallation(), // machines install, reboot and answer with the cluster's own certificates
		b.bootstrapEtcd(),     // on one control plane, once, ever
		b.fetchKubeconfig(),   // and wait until the Kubernetes API answers
		b.awaitRegistration(), // every node known to Kubernetes
		b.installCore(),       // CNI, Flux and cozy-controller from here, by the Helm SDK
		b.awaitNodes(),        // every node Ready, now that there is a network
		b.installPackages(),   // the rest of the bundle as HelmReleases, each when what it needs is healthy
	}
}

func (b *bringup) onExistingCluster() []phase.Phase {
	return []phase.Phase{
		b.reachCluster(),    // that of cluster.kubeconfig answers, and is recent enough
		b.installCore(),     // Flux, unless there is one, and cozy-controller
		b.installPackages(), // as above
	}
}
