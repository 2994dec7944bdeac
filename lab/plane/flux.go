// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/wait"
)

// startFlux starts both controllers and returns when they are ready. The CRDs must be there.
func (p *Plane) startFlux(ctx context.Context) error {
	artifacts := filepath.Join(p.cfg.Dir, "artifacts")
	if err := os.MkdirAll(artifacts, 0o700); err != nil {
		return fmt.Errorf("make source-controller's storage: %w", err)
	}
	// helm-controller downloads charts from this address of source-controller's.
	storage, err := FreeAddress(ctx)
	if err != nil {
		return err
	}
	p.sourceController = fluxController{SourceControllerProcess, p.cfg.Tools.SourceController, append(fluxFlags(),
		"--storage-path="+artifacts, "--storage-addr="+storage, "--storage-adv-addr="+storage)}
	p.helmController = fluxController{HelmControllerProcess, p.cfg.Tools.HelmController, append(fluxFlags(),
		// A release that is being waited for must not hold up the end of the lab.
		"--graceful-shutdown-timeout=2s")}
	if p.cfg.HelmControllerFlags == nil {
		// The default of 30 s is what every level of dependsOn would wait for.
		p.helmController.flags = append(p.helmController.flags, "--requeue-dependency=5s")
	}
	p.helmController.flags = append(p.helmController.flags, p.cfg.HelmControllerFlags...)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.startFluxController(ctx, p.sourceController) })
	group.Go(func() error { return p.startFluxController(ctx, p.helmController) })
	return group.Wait()
}

// fluxFlags are those of both. They have no identity in the cluster; like a real Flux they may do anything. Metrics are off
// ("0"): nobody reads them.
func fluxFlags() []string {
	return []string{"--metrics-addr=0", "--watch-all-namespaces=true", "--concurrent=4", "--log-level=info"}
}

// fluxController is how to start one.
type fluxController struct {
	name, program string
	flags         []string
}

func (p *Plane) startFluxController(ctx context.Context, of fluxController) error {
	health, err := FreeAddress(ctx)
	if err != nil {
		return err
	}
	env, err := p.environment(of.name,
		"KUBECONFIG="+p.Kubeconfig(),
		"RUNTIME_NAMESPACE="+fluxNamespace,
		// Go's clients never use a proxy for loopback addresses, so this concerns neither the API nor the artifacts.
		"HTTP_PROXY="+p.proxy.url, "HTTPS_PROXY="+p.proxy.url,
	)
	if err != nil {
		return err
	}
	cmd := command(of.program, append(of.flags[:len(of.flags):len(of.flags)], "--health-addr="+health)...)
	cmd.Env = env
	proc, err := p.startComponent(of.name, cmd)
	if err != nil {
		return err
	}
	err = wait.Until(ctx, wait.Check{
		Title: of.name, Interval: 50 * time.Millisecond, Timeout: startTimeout,
		Probe: func(ctx context.Context) error { return probeReady(ctx, proc, "http://"+health+"/readyz") },
	})
	if err != nil {
		return fmt.Errorf("%w; the end of %s:\n%s", err, proc.logPath, logTail(proc.logPath, 2000))
	}
	return nil
}
