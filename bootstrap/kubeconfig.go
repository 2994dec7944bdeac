// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

func (b *bringup) fetchKubeconfig() phase.Phase {
	return phase.Phase{
		ID: "kubeconfig", Title: "fetch the kubeconfig",
		Done: func(ctx context.Context) (bool, error) {
			there, err := b.dir.Exists(workdir.KubeconfigFile)
			if err != nil || !there {
				return false, err
			}
			return b.assertKubernetes(ctx) == nil, nil
		},
		Plan: func(context.Context) ([]string, error) {
			return []string{"write " + b.dir.Path(workdir.KubeconfigFile)}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			if err := b.saveKubeconfig(ctx, say); err != nil {
				return err
			}
			return b.await(ctx, say, "the Kubernetes API at "+b.endpoint.Host, lookTimeout, b.assertKubernetes)
		},
	}
}

// saveKubeconfig asks the node on which etcd was bootstrapped, as one node alone may be asked.
func (b *bringup) saveKubeconfig(ctx context.Context, say phase.Say) error {
	node, err := b.bootstrapNode()
	if err != nil {
		return err
	}
	var config []byte
	err = b.await(ctx, say, "the kubeconfig from "+node.Name, askTimeout, func(ctx context.Context) error {
		client, err := b.dial(ctx, node)
		if err != nil {
			return err
		}
		defer client.Close()
		config, err = client.Kubeconfig(ctx)
		return err
	})
	if err != nil {
		return err
	}
	b.cluster = nil
	return b.dir.Write(ctx, workdir.KubeconfigFile, config)
}

func (b *bringup) assertKubernetes(ctx context.Context) error {
	client, err := b.kube()
	if err != nil {
		return err
	}
	return client.AssertAnswering(ctx)
}

// awaitRegistration waits until the control plane answers and knows every node that the run has not gone on without: the
// first gate.
func (b *bringup) awaitRegistration() phase.Phase {
	register := b.awaitInKubernetes("register", "wait for the nodes to register in Kubernetes", "the nodes to register",
		(*kube.Client).AssertRegistered, controlPlaneAnswers())
	registered := register.Run
	register.Run = func(ctx context.Context, say phase.Say) error {
		if _, err := b.kube(); err != nil { // nothing cures that by waiting
			return err
		}
		if err := b.awaitWorkers(ctx, say); err != nil {
			return err
		}
		return registered(ctx, say)
	}
	return register
}

// awaitNodes waits until every node is Ready, which takes the CNI of the core: the second gate.
func (b *bringup) awaitNodes() phase.Phase {
	return b.awaitInKubernetes("nodes", "wait for the nodes to be Ready", "the nodes to be Ready",
		(*kube.Client).AssertReady, nodesReady())
}

// awaitInKubernetes is a phase that waits until an assertion about all nodes, by name, holds in the cluster, and the checks
// of a gate with it.
func (b *bringup) awaitInKubernetes(
	id, title, what string, assert func(*kube.Client, context.Context, []string) error, checks []nodeCheck,
) phase.Phase {
	begin := func() *gate { return &gate{bringup: b, assert: assert, checks: checks, passed: map[string]bool{}} }
	return phase.Phase{
		ID: id, Title: title,
		Done: func(ctx context.Context) (bool, error) { return b.holds(begin().pass(ctx)) },
		Run: func(ctx context.Context, say phase.Say) error {
			gate := begin()
			return b.awaitMost(ctx, say, what, askTimeout, func(ctx context.Context) error {
				return b.withReasons(ctx, gate.pass(ctx), nil)
			})
		},
	}
}

// holds turns an assertion into "is this phase done?". One that fails, also because there is no cluster yet, is no error:
// the phase is not done.
func (b *bringup) holds(err error) (bool, error) {
	if err != nil {
		b.log.Debug("not done yet", "reason", err)
	}
	return err == nil, nil
}
