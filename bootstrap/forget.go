// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// forgetNode removes what is left of the node in Kubernetes and in the journal.
func (b *bringup) forgetNode(node site.Node) phase.Phase {
	return phase.Phase{
		ID: "forget", Title: "forget " + node.Name,
		Plan: func(context.Context) ([]string, error) {
			return []string{"delete the node in Kubernetes, and the marks of its installation in the work directory"}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			client, err := b.kube()
			if err != nil {
				return err
			}
			if err := client.DeleteNode(ctx, node.Name); err != nil {
				return err
			}
			return b.forget(ctx, node, nil)
		},
	}
}

// forget removes the marks of a node from the journal. When etcd was bootstrapped on it, another control plane takes its
// place there: etcd runs, so nothing will be bootstrapped on that.
func (b *bringup) forget(ctx context.Context, node site.Node, more func(*workdir.Journal)) error {
	others, err := b.beside(ctx, node, true)
	if err != nil {
		return err
	}
	return b.dir.UpdateJournal(ctx, func(j *workdir.Journal) {
		delete(j.Applied, node.Name)
		delete(j.Installed, node.Name)
		delete(j.Approvals, node.Name)
		delete(j.Replaced, node.Name)
		delete(j.Disks, node.Name)
		if j.BootstrapNode == node.Name && j.EtcdStarted {
			j.BootstrapNode = others.planes[0].Name
		}
		if more != nil {
			more(j)
		}
	})
}
