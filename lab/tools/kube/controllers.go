// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kcmoptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// controllers are kube-controller-manager and kube-scheduler. Their own commands are not used: each installs the
// process-wide signal handler, which panics when it is installed a second time.
type controllers struct {
	kcm       *kcmoptions.KubeControllerManagerOptions
	scheduler *scheduleroptions.Options
}

func newControllers(cfg config) (*controllers, error) {
	manager, err := kcmoptions.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, fmt.Errorf("options of kube-controller-manager: %w", err)
	}
	flags := manager.Flags(kcm.KnownControllers(), kcm.ControllersDisabledByDefault(), kcm.ControllerAliases())
	manager.ParsedFlags = &flags
	if err := parse("kube-controller-manager", flags, kcmFlags(cfg)); err != nil {
		return nil, err
	}
	sched := scheduleroptions.NewOptions()
	if err := parse("kube-scheduler", *sched.Flags, connectionFlags(cfg.kubeconfig("scheduler"))); err != nil {
		return nil, err
	}
	return &controllers{kcm: manager, scheduler: sched}, nil
}

func kcmFlags(cfg config) []string {
	return append(connectionFlags(cfg.kubeconfig("kcm")),
		"--controllers=*,bootstrapsigner,tokencleaner",
		"--use-service-account-credentials=true",
		// Each of the 40 controllers asks for its credentials when it starts: at the default of 20 requests a second that
		// alone takes 5 s.
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		"--service-account-private-key-file="+cfg.file("sa.key"),
		"--root-ca-file="+cfg.file("ca.crt"),
		"--cluster-signing-cert-file="+cfg.file("ca.crt"),
		"--cluster-signing-key-file="+cfg.file("ca.key"),
		"--requestheader-client-ca-file="+cfg.file("front-proxy-ca.crt"),
		"--allocate-node-cidrs=true",
		"--cluster-cidr="+cfg.podCIDR.String(),
		"--service-cluster-ip-range="+cfg.serviceCIDR.String(),
	)
}

// connectionFlags are common to both: no port (their health is that the process lives and the cluster moves) and no leader
// election (there is one of each).
func connectionFlags(kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
	}
}

// start runs both in group until ctx ends. The apiserver must be ready.
func (c *controllers) start(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error {
		cfg, err := c.kcm.Config(ctx, kcm.KnownControllers(), kcm.ControllersDisabledByDefault(), kcm.ControllerAliases())
		if err != nil {
			return fmt.Errorf("configure kube-controller-manager: %w", err)
		}
		if err := kcm.Run(ctx, cfg.Complete()); err != nil {
			return fmt.Errorf("run kube-controller-manager: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		cfg, sched, err := scheduler.Setup(ctx, c.scheduler)
		if err != nil {
			return fmt.Errorf("configure kube-scheduler: %w", err)
		}
		return scheduler.Run(ctx, cfg, sched)
	})
}
