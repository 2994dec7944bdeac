// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// UpgradeKubernetes brings every part of Kubernetes that Talos runs to the version that the site file names, in the order
// of `talosctl upgrade-k8s`: the images are fetched; then the API server, the controller manager and the scheduler change,
// each on one control plane after the other; then kube-proxy, the kubelets one node at a time, and what Talos furnishes a
// cluster with. Nodes do not reboot. What is at the version already is left alone, so an upgrade that was killed goes on
// when it is run again. Whether objects use APIs that the new version no longer serves is not looked at.
func UpgradeKubernetes(s *site.Site) Work {
	return Work{title: "upgrade Kubernetes to " + s.Kubernetes.Version, pulls: true, list: (*bringup).kubernetesUpgrade}
}

func (b *bringup) kubernetesUpgrade() ([]phase.Phase, error) {
	planes := b.controlPlanes()
	phases := []phase.Phase{
		b.preflightKubernetes(),
		b.pullKubernetes(),
		b.changeComponent(talos.APIServer, planes),
		b.changeComponent(talos.ControllerManager, planes),
		b.changeComponent(talos.Scheduler, planes),
	}
	if !b.plan.Talos.DisableKubeProxy {
		phases = append(phases, b.changeComponent(talos.Proxy, planes))
	}
	return append(phases, b.changeComponent(talos.Kubelet, b.inOrder()), b.syncManifests()), nil
}

// preflightKubernetes refuses, before anything is changed, an upgrade that cannot end well.
func (b *bringup) preflightKubernetes() phase.Phase {
	version := b.site.Kubernetes.Version
	return phase.Phase{
		ID: "preflight", Title: "check that Kubernetes can be upgraded",
		Plan: func(context.Context) ([]string, error) {
			return []string{
				"every node is ours, answers, and runs the Talos of the site file, which runs Kubernetes " + version,
				"each part of Kubernetes may go to " + version + " in one step; the site is well",
				"APIs that the new version no longer serves are not looked for: read its release notes",
			}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			if err := b.assertOurs(ctx, b.site.Nodes); err != nil {
				return err
			}
			if err := b.eachNode(b.inOrder(), func(node site.Node) error { return b.checkKubernetesJump(ctx, node) }); err != nil {
				return err
			}
			if err := b.assertSteady(ctx, b.site.Nodes, siteWell()); err != nil {
				return &UnsteadyError{Err: err}
			}
			return nil
		},
	}
}

func (b *bringup) checkKubernetesJump(ctx context.Context, node site.Node) error {
	system, err := b.system(ctx, node)
	if err != nil {
		return fmt.Errorf("node %s: %w", node.Name, err)
	}
	if !talos.SameVersion(system.Version, b.site.Talos.Version) {
		return &BehindError{Node: node.Name, Have: system.Version, Want: b.site.Talos.Version}
	}
	have, err := b.componentsOf(ctx, node)
	if err != nil {
		return fmt.Errorf("node %s: %w", node.Name, err)
	}
	var errs []error
	for _, component := range []talos.Component{talos.APIServer, talos.ControllerManager, talos.Scheduler, talos.Proxy, talos.Kubelet} {
		version, runs := have[component]
		if !runs {
			continue
		}
		if err := talos.CheckKubernetesUpgrade(version, b.site.Kubernetes.Version, system.Version); err != nil {
			errs = append(errs, fmt.Errorf("node %s, %s: %w", node.Name, component, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err = b.configFor(node, have, slices.Collect(keysOf(have))...)
	return err
}

// pullKubernetes has all nodes fetch the images first, so that no part is away for longer than its start takes.
func (b *bringup) pullKubernetes() phase.Phase {
	return phase.Phase{
		ID: "pull", Title: "fetch the images",
		Done: func(ctx context.Context) (bool, error) {
			for _, component := range []talos.Component{talos.APIServer, talos.ControllerManager, talos.Scheduler} {
				if done, err := b.allAt(ctx, component, b.controlPlanes()); !done || err != nil {
					return false, err
				}
			}
			return b.allAt(ctx, talos.Kubelet, b.site.Nodes)
		},
		Plan: func(context.Context) ([]string, error) {
			return []string{"on every node at once: the images that its parts are changed to"}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			return b.eachNode(b.inOrder(), func(node site.Node) error {
				client, err := b.dial(ctx, node)
				if err != nil {
					return err
				}
				defer client.Close()
				components := []talos.Component{talos.Kubelet}
				if node.Role == site.ControlPlane {
					components = append(components, talos.APIServer, talos.ControllerManager, talos.Scheduler)
				}
				for _, component := range components {
					if err := client.PullImage(ctx, component, b.site.Kubernetes.Version); err != nil {
						return fmt.Errorf("%s: %w", node.Name, err)
					}
				}
				return nil
			})
		},
	}
}
