// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// generateConfigs makes and validates every machine config before any machine is touched. The configs are kept in memory
// only: they hold the cluster's keys, and the same bytes come out of every run.
func (b *bringup) generateConfigs() phase.Phase {
	return phase.Phase{
		ID: "configs", Title: "generate and validate the machine configs",
		Plan: func(context.Context) ([]string, error) {
			return []string{fmt.Sprintf("one config for each of %d nodes; write %s", len(b.site.Nodes), b.dir.Path(workdir.TalosconfigFile))}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			if _, err := b.configsFor(b.site.Nodes, nil, b.selectorOrStandIn); err != nil {
				return err
			}
			config, err := b.talosconfig()
			if err != nil {
				return err
			}
			return b.dir.Write(ctx, workdir.TalosconfigFile, config)
		},
	}
}

// machineConfigs are the whole Talos machine configs of nodes, in their order. They are secrets. Running holds, by node, the
// version of Talos that will read the config, where it is known: an older one than the site's gets what it can read.
func (b *bringup) machineConfigs(nodes []site.Node, running map[string]string) ([][]byte, error) {
	return b.configsFor(nodes, running, b.selectorFor)
}

func (b *bringup) configsFor(
	nodes []site.Node, running map[string]string, disk func(site.Node) (talos.DiskSelector, error),
) ([][]byte, error) {
	secrets, err := b.loadSecrets()
	if err != nil {
		return nil, err
	}
	cluster, err := b.surroundedCluster()
	if err != nil {
		return nil, err
	}
	inputs := make([]talos.Node, len(nodes))
	for i, node := range nodes {
		if inputs[i], err = talosNode(b.site, node); err != nil {
			return nil, err
		}
		inputs[i].Running = running[node.Name]
		if inputs[i].Disk, err = disk(node); err != nil {
			return nil, err
		}
	}
	return talos.GenerateAll(cluster, secrets, inputs)
}

// surroundedCluster is what all machine configs share, with what stands around the cluster.
func (b *bringup) surroundedCluster() (talos.Cluster, error) {
	cluster, err := b.talosCluster()
	if err != nil {
		return talos.Cluster{}, err
	}
	return cluster, addSurroundings(b.site, &cluster)
}

// GenerateConfigs gives the machine config of every node by its name, and the talosconfig. Both are secrets. The secrets
// file is made as Up would make it if there is none.
func GenerateConfigs(ctx context.Context, o Options) (configs map[string][]byte, talosconfig []byte, err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := newBringup(o, dir)
	if err != nil {
		return nil, nil, err
	}
	if _, err := (phase.Runner{}).Run(ctx, []phase.Phase{b.createSecrets()}); err != nil {
		return nil, nil, err
	}
	generated, err := b.machineConfigs(b.site.Nodes, nil)
	if err != nil {
		return nil, nil, err
	}
	configs = make(map[string][]byte, len(generated))
	for i, node := range b.site.Nodes {
		configs[node.Name] = generated[i]
	}
	talosconfig, err = b.talosconfig()
	return configs, talosconfig, err
}
