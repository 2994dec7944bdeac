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
	storage, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	// Both have no identity in the cluster; like a real Flux they may do anything. Metrics are off ("0"): nobody reads them.
	common := []string{"--metrics-addr=0", "--watch-all-namespaces=true", "--concurrent=4", "--log-level=info"}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return p.startFluxController(ctx, "source-controller", p.cfg.Tools.SourceController, append(common[:4:4],
			"--storage-path="+artifacts, "--storage-addr="+storage, "--storage-adv-addr="+storage))
	})
	group.Go(func() error {
		return p.startFluxController(ctx, "helm-controller", p.cfg.Tools.HelmController, append(common[:4:4],
			// The default of 30 s is what every level of dependsOn would wait for.
			"--requeue-dependency=5s",
			// A release that is being waited for must not hold up the end of the lab.
			"--graceful-shutdown-timeout=2s"))
	})
	return group.Wait()
}

func (p *Plane) startFluxController(ctx context.Context, name, program string, flags []string) error {
	health, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	env, err := p.environment(name,
		"KUBECONFIG="+p.Kubeconfig(),
		"RUNTIME_NAMESPACE="+fluxNamespace,
		// Go's clients never use a proxy for loopback addresses, so this concerns neither the API nor the artifacts.
		"HTTP_PROXY="+p.proxy.url,
	)
	if err != nil {
		return err
	}
	cmd := command(program, append(flags, "--health-addr="+health)...)
	cmd.Env = env
	proc, err := p.startComponent(name, cmd)
	if err != nil {
		return err
	}
	err = wait.Until(ctx, wait.Check{
		Title: name, Interval: 50 * time.Millisecond, Timeout: startTimeout,
		Probe: func(ctx context.Context) error { return probeReady(ctx, proc, "http://"+health+"/readyz") },
	})
	if err != nil {
		return fmt.Errorf("%w; the end of %s:\n%s", err, proc.logPath, logTail(proc.logPath, 2000))
	}
	return nil
}
