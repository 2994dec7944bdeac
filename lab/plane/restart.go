// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/wait"
)

// Names of processes that Restart knows.
const (
	// ControlPlaneProcess is etcd, kube-apiserver, kube-controller-manager and kube-scheduler, which share one process.
	ControlPlaneProcess     = "labplane"
	SourceControllerProcess = "source-controller"
	HelmControllerProcess   = "helm-controller"
)

// Restart kills a process with SIGKILL, starts it again as it was started before, on the same data and addresses, and
// returns when it is ready. Nobody else may stop or restart it meanwhile. KWOK can't be restarted.
func (p *Plane) Restart(ctx context.Context, name string) error {
	p.mu.Lock()
	i := slices.IndexFunc(p.processes, func(proc *process) bool { return proc.name == name })
	var proc *process
	if i >= 0 {
		proc = p.processes[i]
	}
	p.mu.Unlock()
	start := p.starter(name)
	if proc == nil || start == nil {
		return fmt.Errorf("restart %s: no such process, or nobody knows how to start it", name)
	}
	proc.leaving.Store(true)
	if err := proc.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("restart %s: %w", name, err)
	}
	<-proc.exited
	p.log.Info("killed", "process", name, "pid", proc.cmd.Process.Pid)
	if err := start(ctx); err != nil {
		err = fmt.Errorf("restart %s: %w", name, err)
		p.finish(err)
		return err
	}
	p.log.Info("ready again", "process", name)
	return nil
}

// starter is how to start a process again; nil: nobody knows.
func (p *Plane) starter(name string) func(context.Context) error {
	switch name {
	case ControlPlaneProcess:
		return func(ctx context.Context) error {
			listener, err := p.listenAgain(ctx)
			if err != nil {
				return err
			}
			return p.runControlPlane(ctx, listener)
		}
	case SourceControllerProcess:
		return func(ctx context.Context) error { return p.startFluxController(ctx, p.sourceController) }
	case HelmControllerProcess:
		return func(ctx context.Context) error { return p.startFluxController(ctx, p.helmController) }
	}
	return nil
}

// listenAgain takes the API's port again. Meanwhile connections are refused, as with a real restart, and a client of
// another process may have that port for a moment.
func (p *Plane) listenAgain(ctx context.Context) (listener *net.TCPListener, err error) {
	server, err := url.Parse(p.server)
	if err != nil {
		return nil, err
	}
	err = wait.Until(ctx, wait.Check{
		Title: "the API's port", Interval: 50 * time.Millisecond, Timeout: 10 * time.Second,
		Probe: func(ctx context.Context) error {
			listener, err = listenLoopback(ctx, server.Host)
			return err
		},
	})
	return listener, err
}
