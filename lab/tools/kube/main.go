// SPDX-License-Identifier: Apache-2.0

// Command labplane is a Kubernetes control plane in one process: etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler as they come out of their modules, with RBAC, the Node authorizer and the aggregation layer on.
//
// One process instead of four, because the whole then needs about 320 MiB instead of 455 and is ready in a third of the
// time, and because the apiserver's calls to in-cluster services (webhooks, CRD conversion, APIServices) can be answered
// here (resolver.go) although nothing of the lab's cluster has a network. Feature gates, klog and metrics are globals
// of a process, so a second cluster is a second process.
//
// It refuses to know who starts it: certificates, kubeconfigs and the listening socket are given by the caller
// (lab/plane), and everything it writes is below -data. Both etcd endpoints are Unix sockets there, the controllers serve
// nothing, so the inherited listener is the only TCP port and two planes cannot collide.
//
// Still missing: a stand-in for aggregated APIs (an APIService without a route answers 501), and replacing the
// caBundle of webhook configurations whose chart made a CA of its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
)

// stopTimeout bounds the time between SIGTERM and exit. The apiserver needs up to 2 s to send its watchers away.
const stopTimeout = 8 * time.Second

// readyLine is printed to standard output, once, when /readyz answers and the controllers have been started.
type readyLine struct {
	Event       string  `json:"event"`
	Server      string  `json:"server"`
	EtcdSeconds float64 `json:"etcdSeconds"`
	Seconds     float64 `json:"seconds"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := parseConfig(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "labplane:", err)
		os.Exit(2)
	}
	if err := run(ctx, cfg, json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "labplane:", err)
		os.Exit(1)
	}
}

// run starts the components in the order in which they need each other and stops them in the reverse one.
func run(ctx context.Context, cfg config, out *json.Encoder) error {
	started := time.Now()
	// The components' warnings about deprecated APIs are not about the lab's user.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	// The listener exists before etcd starts, so that a wrong descriptor is reported at once.
	listener, err := net.FileListener(os.NewFile(uintptr(cfg.listenFD), "apiserver"))
	if err != nil {
		return fmt.Errorf("use file descriptor %d as the apiserver's listener: %w", cfg.listenFD, err)
	}
	// First of all components: its flags override a feature gate's default, which is refused (with a panic) once
	// any other component has put the gates on a flag set.
	controllers, err := newControllers(cfg)
	if err != nil {
		return err
	}
	etcd, err := startEtcd(ctx, cfg)
	if err != nil {
		return err
	}
	defer etcd.Close()
	etcdSeconds := time.Since(started).Seconds()

	// Not derived from ctx: the apiserver outlives the controllers on the way down.
	apiCtx, stopAPI := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAPI()
	api, err := newAPIServer(apiCtx, cfg, listener)
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	apiDone := make(chan error, 1)
	go func() { apiDone <- api.run(apiCtx) }()
	if err := api.waitReady(groupCtx, apiDone); err != nil {
		return err
	}
	controllers.start(groupCtx, group)
	if err := out.Encode(readyLine{"ready", api.url(), etcdSeconds, time.Since(started).Seconds()}); err != nil {
		return fmt.Errorf("print the ready line: %w", err)
	}
	select {
	case <-groupCtx.Done():
	case err := <-apiDone:
		return fmt.Errorf("kube-apiserver ended: %w", err)
	}
	return stopInOrder(ctx, group, stopAPI, apiDone)
}

// stopInOrder waits for the controllers, then for the apiserver, each within stopTimeout. A component that is asked to
// end may answer with an error of its own ("finished without leader elect"); that is no failure.
func stopInOrder(ctx context.Context, group *errgroup.Group, stopAPI func(), apiDone <-chan error) error {
	asked := ctx.Err() != nil
	deadline := time.After(stopTimeout)
	groupDone := make(chan error, 1)
	go func() { groupDone <- group.Wait() }()
	var failure error
	select {
	case failure = <-groupDone:
	case <-deadline:
		failure = fmt.Errorf("controllers still running %v after the stop", stopTimeout)
	}
	stopAPI()
	select {
	case <-apiDone:
	case <-deadline:
	}
	if asked {
		return nil
	}
	return failure
}
