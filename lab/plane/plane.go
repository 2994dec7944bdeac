// SPDX-License-Identifier: Apache-2.0

// Package plane runs the lab's management cluster on loopback: a real etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler (one process, lab/tools/kube), Flux's source-controller and helm-controller as processes beside it, and
// KWOK, which plays what nodes and pods do.
//
// What is real: the API with RBAC, admission and the aggregation layer, scheduling, controllers, Flux. What is simulated:
// nodes and pods. A simulated kubelet (kubelet.go) decides when a pod may start, KWOK then says that it runs; a pod whose
// program is known (RunPods) is a real local process under the pod's own ServiceAccount, and is Ready when its probe
// answers. Services are reached through a forward proxy (serviceproxy.go), since nothing has a cluster network.
//
// It refuses to know what is installed into the cluster, and who asks for nodes. It needs Linux.
//
// Still missing: logs and exec of pods, node failures, the webhook servers of pod programs (all webhooks are answered by a
// permissive stand-in, or a route), aggregated APIs, CRDs that real operators would make at run time.
package plane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/lab/build"
)

// Plane is a running cluster. Its methods may be called concurrently.
type Plane struct {
	cfg      Config
	log      *slog.Logger
	server   string // URL
	pki      *pki
	rest     *rest.Config
	client   kubernetes.Interface
	launcher *launcher
	routes   *routes
	proxy    *serviceProxy
	kubelet  *kubelet
	timings  Timings

	sourceController, helmController fluxController

	cancel     context.CancelFunc // ends what runs in this process
	background sync.WaitGroup

	mu        sync.Mutex
	processes []*process // in the order of starting
	stopping  bool
	failure   error
	done      chan struct{}
	stopOnce  sync.Once
	stopErr   error
}

// Timings are measured from the call of Run, without the building of programs.
type Timings struct {
	Ready time.Duration // until /readyz answered
	All   time.Duration // until everything was up
}

// Run starts a plane and returns when all of it is up. ctx bounds the start only: the plane runs until Stop. After an error
// nothing is left running.
func Run(ctx context.Context, cfg Config) (*Plane, error) {
	cfg, err := cfg.complete(ctx)
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &Plane{
		cfg: cfg, log: cfg.Log, launcher: newLauncher(), cancel: cancel, done: make(chan struct{}),
		routes: newRoutes(filepath.Join(cfg.Dir, "routes.json")),
	}
	if err := p.start(ctx, life); err != nil {
		return nil, errors.Join(fmt.Errorf("start the lab's control plane: %w", err), p.Stop())
	}
	return p, nil
}

func (p *Plane) start(ctx, life context.Context) error {
	started := time.Now()
	if err := p.startControlPlane(ctx); err != nil {
		return err
	}
	p.timings.Ready = time.Since(started)
	var err error
	if p.kubelet, err = p.startSimulations(life); err != nil {
		return err
	}
	if err := p.startKWOK(); err != nil {
		return err
	}
	if err := p.prepareCluster(ctx); err != nil {
		return err
	}
	if !p.cfg.WithoutFlux {
		if err := p.startFlux(ctx); err != nil {
			return err
		}
	}
	p.timings.All = time.Since(started)
	p.log.Info("the lab's control plane is up", "server", p.server, "readyz", p.timings.Ready.Round(time.Millisecond), "all", p.timings.All.Round(time.Millisecond))
	return nil
}

// Dir is the run directory, with everything the plane wrote; logs are below "log".
func (p *Plane) Dir() string { return p.cfg.Dir }

// Tools are the programs the plane runs, kubectl among them.
func (p *Plane) Tools() build.Set { return p.cfg.Tools }

// Server is the URL of the API.
func (p *Plane) Server() string { return p.server }

// Timings of the start.
func (p *Plane) Timings() Timings { return p.timings }

// Kubeconfig is the path of the administrator's kubeconfig.
func (p *Plane) Kubeconfig() string { return p.kubeconfigPath("admin") }

// RESTConfig returns a copy of the administrator's client configuration.
func (p *Plane) RESTConfig() *rest.Config { return rest.CopyConfig(p.rest) }

// KubeconfigFor is the administrator's kubeconfig with another server URL, for whoever reaches the API by another way. The
// host must be among Config.SANs, or TLS will refuse it.
func (p *Plane) KubeconfigFor(serverURL string) ([]byte, error) {
	return p.pki.kubeconfig("admin", serverURL)
}

// Done is closed when a process of the plane has ended without being asked, and when Stop is complete.
func (p *Plane) Done() <-chan struct{} { return p.done }

// Err is the reason for which Done was closed; nil while the plane runs and after a Stop.
func (p *Plane) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure
}

// Stop ends everything, in the reverse order of starting, and returns when nothing is left. It removes no file. It may be called
// more than once. Its error names what had to be killed.
func (p *Plane) Stop() error {
	p.stopOnce.Do(func() {
		p.mu.Lock()
		p.stopping = true
		p.mu.Unlock()
		p.cancel()
		// The programs of pods first, while the API still answers them.
		p.background.Wait()
		p.stopErr = p.stopProcesses()
		if p.proxy != nil {
			p.proxy.close()
		}
		p.launcher.close()
		p.finish(nil)
	})
	return p.stopErr
}

// finish closes Done, once, with the first reason.
func (p *Plane) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
	default:
		p.failure = err
		close(p.done)
	}
}

// writeFile writes a file of the run directory; secrets are among them, so all are for the owner only.
func (p *Plane) writeFile(name string, data []byte) (path string, err error) {
	path = filepath.Join(p.cfg.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	return path, nil
}
