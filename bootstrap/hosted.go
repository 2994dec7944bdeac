// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
)

// oldestKubernetes is the first version with all that the platform takes for granted: ValidatingAdmissionPolicy is stable in
// 1.30.
const oldestKubernetes = "1.30.0"

// reachCluster makes sure that the cluster of a hosted bundle is there before anything is installed.
func (b *bringup) reachCluster() phase.Phase {
	return phase.Phase{
		ID: "cluster", Title: "reach the cluster",
		Plan: func(ctx context.Context) ([]string, error) {
			client, err := b.kube()
			if err != nil {
				return nil, err
			}
			more, err := b.storageClassSteps(ctx, client)
			more = append(more, b.isolationSteps(ctx, client)...)
			return append([]string{"use the cluster at " + client.Config.Host + ", and nothing else of its kubeconfig"}, more...), err
		},
		Run: func(ctx context.Context, say phase.Say) error {
			if err := b.await(ctx, say, "the cluster to answer", askTimeout, b.assertKubernetes); err != nil {
				return err
			}
			client, err := b.kube()
			if err != nil {
				return err
			}
			if err := assertRecent(client); err != nil {
				return err
			}
			return errors.Join(b.assertStorageClass(ctx, client), b.requireIsolation(ctx, client))
		},
	}
}

// existingCluster is a client of the cluster that the site file names.
func (b *bringup) existingCluster() (*kube.Client, error) {
	path, contextName := "", ""
	if c := b.site.Cluster; c != nil {
		path, contextName = b.site.File(c.Kubeconfig), c.Context
	}
	client, err := kube.FromFile(path, contextName)
	if err != nil {
		return nil, err
	}
	b.cluster = client
	return client, nil
}

func assertRecent(client *kube.Client) error {
	is, err := client.Typed.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask the cluster for its version: %w", err)
	}
	parsed, err := version.ParseGeneric(is.GitVersion)
	if err != nil {
		return fmt.Errorf("the cluster's version %q: %w", is.GitVersion, err)
	}
	if parsed.LessThan(version.MustParseGeneric(oldestKubernetes)) {
		return &OldClusterError{Version: is.GitVersion}
	}
	return nil
}

// OldClusterError says that an existing cluster lacks what the platform needs.
type OldClusterError struct{ Version string }

func (e *OldClusterError) Error() string {
	return fmt.Sprintf("the cluster runs Kubernetes %s; at least %s is needed", e.Version, oldestKubernetes)
}

// Hint tells what to do.
func (e *OldClusterError) Hint() string { return "upgrade the cluster first; nothing was installed" }

// HostedError says that a site has no machines of this program's.
type HostedError struct{ Bundle string }

func (e *HostedError) Error() string {
	return "bundle " + e.Bundle + " is installed on an existing cluster, whose machines this program did not set up and leaves alone"
}

// Hint says who does it, and what there is.
func (e *HostedError) Hint() string {
	return "change nodes, Kubernetes and etcd by the means of whoever runs that cluster; for what was installed there: cozy-install status, bundle, support"
}
