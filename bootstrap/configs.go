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
			var errs []error
			for _, node := range b.site.Nodes {
				if _, err := b.machineConfig(node); err != nil {
					errs = append(errs, err)
				}
			}
			if err := errors.Join(errs...); err != nil {
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

// machineConfig is the whole Talos machine config of a node. It is a secret.
func (b *bringup) machineConfig(node site.Node) ([]byte, error) {
	secrets, err := b.loadSecrets()
	if err != nil {
		return nil, err
	}
	cluster, err := b.talosCluster()
	if err != nil {
		return nil, err
	}
	input, err := talosNode(b.site, node)
	if err != nil {
		return nil, err
	}
	return talos.Generate(cluster, secrets, input)
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
	configs = make(map[string][]byte, len(b.site.Nodes))
	for _, node := range b.site.Nodes {
		if configs[node.Name], err = b.machineConfig(node); err != nil {
			return nil, nil, err
		}
	}
	talosconfig, err = b.talosconfig()
	return configs, talosconfig, err
}
