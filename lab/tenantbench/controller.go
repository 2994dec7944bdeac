// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/lab/plane"
)

// siteFile makes the controller isolate tenants, as in a cluster that the bundles made.
const siteFile = `{
	"enforces": "cilium", "nodes": ["192.0.2.0/24"], "pods": ["10.244.0.0/16"], "services": ["127.96.0.0/16"],
	"api": ["192.0.2.10"], "apiPort": 6443, "clusterDomain": "cluster.local"
}`

const (
	controllerLog = "controller.log"
	// maxTail bounds what is shown of it, in bytes.
	maxTail = 4 << 10
)

// tail is the end of a log. What can't be read is an empty one.
func tail(path string) string {
	text, _ := os.ReadFile(path)

	return string(text[max(0, len(text)-maxTail):])
}

// startController runs the program with the rights of its own account only.
func (r *rig) startController(ctx context.Context, group *errgroup.Group, dir string) error {
	config, err := r.plane.ConfigAs(systemNamespace, "cozy-controller")
	if err != nil {
		return err
	}

	kubeconfig, program := filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "cozy-controller")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		return err
	}

	site := filepath.Join(dir, "site.json")
	if err := os.WriteFile(site, []byte(siteFile), 0o600); err != nil {
		return err
	}

	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/cozystack/cozy-install/cmd/cozy-controller")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the controller: %w: %s", err, out)
	}

	if r.metrics, err = plane.FreeAddress(ctx); err != nil {
		return err
	}

	log, err := os.Create(filepath.Join(dir, controllerLog))
	if err != nil {
		return err
	}

	run := exec.CommandContext(ctx, program, "--kubeconfig", kubeconfig, "--charts-address", "", "--metrics-address", r.metrics, "--site", site)
	run.Stderr = log
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = 30 * time.Second

	if err := run.Start(); err != nil {
		return err
	}

	r.pid = run.Process.Pid

	group.Go(func() error {
		defer log.Close()

		if err := run.Wait(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the controller ended: %w", err)
		}

		return nil
	})

	return nil
}
