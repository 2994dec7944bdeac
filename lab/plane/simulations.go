// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	_ "embed" // stages.yaml
	"fmt"

	"k8s.io/client-go/informers"
)

// stages tell KWOK what happens to nodes, pods and Services, and when.
//
//go:embed stages.yaml
var stages []byte

// startSimulations starts what this process itself plays: kubelets and the provisioner of volumes. Both end with ctx.
func (p *Plane) startSimulations(ctx context.Context) (*kubelet, error) {
	factory := informers.NewSharedInformerFactory(p.client, 0)
	kubelet, err := newKubelet(p, factory)
	if err != nil {
		return nil, err
	}
	provisioner, err := newProvisioner(p.client, p.cfg.Dir, p.log, factory)
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, fmt.Errorf("read all %v: %w", kind, context.Cause(ctx))
		}
	}
	p.background.Go(func() { kubelet.run(ctx) })
	p.background.Go(func() { provisioner.run(ctx) })
	p.background.Go(func() {
		<-ctx.Done()
		factory.Shutdown()
	})
	if p.proxy, err = startServiceProxy(ctx, p.routes, kubelet.target); err != nil {
		return nil, err
	}
	return kubelet, nil
}

// startKWOK starts KWOK for the nodes that RegisterNode makes.
func (p *Plane) startKWOK() error {
	config, err := p.writeFile("kwok.yaml", stages)
	if err != nil {
		return err
	}
	cmd := command(p.cfg.Tools.KWOK,
		"--kubeconfig="+p.Kubeconfig(),
		"--config="+config,
		// Not all nodes: one that loses the annotation loses its kubelet.
		"--manage-nodes-with-annotation-selector="+kwokAnnotation+"=fake",
		"--cidr="+p.cfg.PodCIDR.String(),
		"--node-lease-duration-seconds=40",
	)
	if cmd.Env, err = p.environment("kwok"); err != nil {
		return err
	}
	_, err = p.startComponent("kwok", cmd)
	return err
}
