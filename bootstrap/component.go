// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/talos"
)

// changeComponent brings one part of Kubernetes to the site file's version, on one node after the other.
func (b *bringup) changeComponent(component talos.Component, nodes []site.Node) phase.Phase {
	return phase.Phase{
		ID: string(component), Title: "change " + string(component),
		Done: func(ctx context.Context) (bool, error) { return b.allAt(ctx, component, nodes) },
		Plan: func(context.Context) ([]string, error) {
			steps := make([]string, len(nodes))
			for i, node := range nodes {
				steps[i] = fmt.Sprintf("%s: change its image in the machine config, wait until it runs and the site is well", node.Name)
			}
			return steps, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			for _, node := range nodes {
				if err := b.changeOn(ctx, say, node, component); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (b *bringup) changeOn(ctx context.Context, say phase.Say, node site.Node, component talos.Component) error {
	at, err := b.isAt(ctx, node, component)
	if err != nil || at {
		return err
	}
	if err := b.sendComponent(ctx, say, node, component); err != nil {
		return err
	}
	version := b.site.Kubernetes.Version
	err = b.await(ctx, say, fmt.Sprintf("%s %s on %s", component, version, node.Name), askTimeout, func(ctx context.Context) error {
		return b.assertComponent(ctx, node, component)
	})
	if err != nil {
		return err
	}
	return b.awaitSteady(ctx, say, []site.Node{node})
}

// sendComponent gives a node its config with one part at the new version and the others as they are.
func (b *bringup) sendComponent(ctx context.Context, say phase.Say, node site.Node, component talos.Component) error {
	return b.await(ctx, say, node.Name+" to take its config", 0, func(ctx context.Context) error {
		client, err := b.dial(ctx, node)
		if err != nil {
			return err
		}
		defer client.Close()
		have, err := client.Components(ctx)
		if err != nil {
			return err
		}
		config, err := b.configFor(node, have, component)
		if err != nil {
			return wait.Final(err)
		}
		if talos.SameVersion(have[component], b.site.Kubernetes.Version) {
			return nil // by an earlier run
		}
		b.log.Info("changing a component", "node", node.Name, "component", component, "version", b.site.Kubernetes.Version)
		err = client.Reconfigure(ctx, config)
		if errors.Is(err, talos.ErrInvalidConfig) {
			return wait.Final(fmt.Errorf("%s: %w", node.Name, err))
		}
		return err
	})
}

// configFor is a node's config with some parts of Kubernetes at the site file's version and the others as they are. It is a
// secret. A *PinnedError says that a patch keeps one of them elsewhere.
func (b *bringup) configFor(node site.Node, have talos.Components, changed ...talos.Component) ([]byte, error) {
	want := maps.Clone(have)
	for _, component := range changed {
		want[component] = b.site.Kubernetes.Version
	}
	config, err := b.configWith(node, want)
	if err != nil {
		return nil, err
	}
	got, err := talos.ConfigComponents(config)
	if err != nil {
		return nil, err
	}
	for component, version := range got {
		if wanted := want[component]; wanted != "" && !talos.SameVersion(version, wanted) {
			return nil, &PinnedError{Node: node.Name, Component: component, Have: version, Want: wanted}
		}
	}
	return config, nil
}

// allAt says whether a part is at the site file's version on all of the nodes, and runs.
func (b *bringup) allAt(ctx context.Context, component talos.Component, nodes []site.Node) (bool, error) {
	for _, node := range nodes {
		if at, err := b.isAt(ctx, node, component); !at || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (b *bringup) isAt(ctx context.Context, node site.Node, component talos.Component) (bool, error) {
	have, err := b.componentsOf(ctx, node)
	if err != nil {
		return false, err
	}
	return talos.SameVersion(have[component], b.site.Kubernetes.Version) && b.assertComponent(ctx, node, component) == nil, nil
}

// assertComponent checks that a part runs on a node at the site file's version. Kube-proxy is a DaemonSet, which changes
// with the manifests.
func (b *bringup) assertComponent(ctx context.Context, node site.Node, component talos.Component) error {
	switch component {
	case talos.Proxy:
		return nil
	case talos.Kubelet:
		client, err := b.kube()
		if err != nil {
			return err
		}
		return client.AssertKubelet(ctx, node.Name, b.site.Kubernetes.Version)
	}
	client, err := b.dial(ctx, node)
	if err != nil {
		return err
	}
	defer client.Close()
	pods, err := client.StaticPods(ctx)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		switch {
		case pod.Component != component:
		case !talos.SameVersion(pod.Version, b.site.Kubernetes.Version):
			return fmt.Errorf("%s on %s is at %q", component, node.Name, pod.Version)
		case !pod.Ready:
			return fmt.Errorf("%s on %s is not ready", component, node.Name)
		default:
			return nil
		}
	}
	return fmt.Errorf("%s does not run on %s", component, node.Name)
}

// syncManifests applies what Talos furnishes a cluster with, such as CoreDNS and kube-proxy: Talos itself only makes what is
// missing. What a new version of Talos no longer has is not removed.
func (b *bringup) syncManifests() phase.Phase {
	return phase.Phase{
		ID: "manifests", Title: "apply Talos's own manifests",
		Plan: func(context.Context) ([]string, error) {
			return []string{"server-side apply what Talos furnishes a cluster with; nothing is removed"}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			node := b.controlPlanes()[0]
			var objects []map[string]any
			err := b.await(ctx, say, "the manifests of "+node.Name, askTimeout, func(ctx context.Context) error {
				client, err := b.dial(ctx, node)
				if err != nil {
					return err
				}
				defer client.Close()
				objects, err = client.Manifests(ctx)
				return err
			})
			if err != nil {
				return err
			}
			client, err := b.kube()
			if err != nil {
				return err
			}
			return client.ApplyManifests(ctx, objects)
		},
	}
}

func keysOf(components talos.Components) iter.Seq[talos.Component] { return maps.Keys(components) }
