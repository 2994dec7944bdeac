// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/talos"
)

// noChanges is Talos's word in a dry run for a config that a node has already.
const noChanges = "No changes."

// configWith is a node's machine config with given versions of Kubernetes's parts in place of the site file's. It is a
// secret.
func (b *bringup) configWith(node site.Node, components talos.Components) ([]byte, error) {
	secrets, err := b.loadSecrets()
	if err != nil {
		return nil, err
	}
	cluster, err := b.surroundedCluster()
	if err != nil {
		return nil, err
	}
	cluster.KubernetesVersion, cluster.Components = components[talos.Kubelet], components
	input, err := talosNode(b.site, node)
	if err != nil {
		return nil, err
	}
	return talos.Generate(cluster, secrets, input)
}

// refreshConfig gives a node the config for the version of Talos that it runs now: another minor version may write the same
// settings in another form, and an installer that runs later is the image in the config. Kubernetes stays as it is, also
// when the site file names another version already: its upgrade has an order of its own.
func (b *bringup) refreshConfig(ctx context.Context, say phase.Say, node site.Node) error {
	return b.await(ctx, say, node.Name+" to take its config", 0, func(ctx context.Context) error {
		client, err := b.dial(ctx, node)
		if err != nil {
			return err
		}
		defer client.Close()
		components, err := client.Components(ctx)
		if err != nil {
			return err
		}
		config, err := b.configWith(node, components)
		if err != nil {
			return wait.Final(err)
		}
		details, err := client.DryRun(ctx, config)
		if errors.Is(err, talos.ErrInvalidConfig) {
			return wait.Final(fmt.Errorf("%s: %w", node.Name, err))
		}
		if err != nil || strings.HasSuffix(strings.TrimSpace(details), noChanges) {
			return err
		}
		say("%s gets its config for Talos %s", node.Name, b.site.Talos.Version)
		return client.Apply(ctx, config)
	})
}
