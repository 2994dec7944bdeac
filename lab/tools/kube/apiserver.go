// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the clients' metrics, as in the real binaries
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

type apiServer struct {
	options options.CompletedOptions
	address string // host:port of the listener
	client  *http.Client
}

// newAPIServer assembles the apiserver on listener; ctx ends its background work.
func newAPIServer(ctx context.Context, cfg config, listener net.Listener) (*apiServer, error) {
	address := listener.Addr().String()
	standIn, err := startStandIn(ctx, cfg)
	if err != nil {
		return nil, err
	}
	app.SetServiceResolverForTests(&resolver{file: cfg.routes, self: address, standIn: standIn})

	opts := options.NewServerRunOptions()
	if err := parse("kube-apiserver", opts.Flags(), apiServerFlags(cfg, listener)); err != nil {
		return nil, err
	}
	opts.SecureServing.Listener = listener
	// The registry of feature gates is one for all components of the process, and is set once.
	if err := opts.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, fmt.Errorf("set feature gates: %w", err)
	}
	completed, err := opts.Complete(ctx)
	if err != nil {
		return nil, fmt.Errorf("complete the options of kube-apiserver: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("validate the options of kube-apiserver: %w", errors.Join(errs...))
	}
	client, err := adminClient(cfg)
	if err != nil {
		return nil, err
	}
	return &apiServer{options: completed, address: address, client: client}, nil
}

func apiServerFlags(cfg config, listener net.Listener) []string {
	return []string{
		"--etcd-servers=" + etcdEndpoint,
		// Unused beside a listener, but validated.
		fmt.Sprintf("--secure-port=%d", listener.Addr().(*net.TCPAddr).Port),
		"--bind-address=127.0.0.1",
		"--advertise-address=" + cfg.advertiseAddress.String(),
		"--service-cluster-ip-range=" + cfg.serviceCIDR.String(),
		"--tls-cert-file=" + cfg.file("apiserver.crt"),
		"--tls-private-key-file=" + cfg.file("apiserver.key"),
		"--client-ca-file=" + cfg.file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + cfg.file("sa.pub"),
		"--service-account-signing-key-file=" + cfg.file("sa.key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		// The aggregation layer.
		"--requestheader-client-ca-file=" + cfg.file("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + cfg.file("front-proxy-client.crt"),
		"--proxy-client-key-file=" + cfg.file("front-proxy-client.key"),
		// Without it the stop waits 60 s for watchers instead of 2 s.
		"--shutdown-send-retry-after=true",
	}
}

func (a *apiServer) url() string { return "https://" + a.address }

// run serves until ctx ends or the server fails.
func (a *apiServer) run(ctx context.Context) error {
	if err := app.Run(ctx, a.options); err != nil {
		return fmt.Errorf("run kube-apiserver: %w", err)
	}
	return nil
}

// waitReady asks /readyz until it says ok. done is the result of run: a server that has ended is never waited for.
func (a *apiServer) waitReady(ctx context.Context, done <-chan error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := a.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for kube-apiserver: %w (last: %w)", context.Cause(ctx), err)
		case err := <-done:
			return fmt.Errorf("kube-apiserver ended before it was ready: %w", err)
		case <-ticker.C:
		}
	}
}

func (a *apiServer) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url()+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<12))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %s: %s", resp.Status, body)
	}
	return nil
}

func adminClient(cfg config) (*http.Client, error) {
	ca, err := os.ReadFile(cfg.file("ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("read the cluster's CA: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	pair, err := tls.LoadX509KeyPair(cfg.file("admin.crt"), cfg.file("admin.key"))
	if err != nil {
		return nil, fmt.Errorf("read the admin's certificate: %w", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}

// parse gives args to a component's flag sets as its command line would.
func parse(component string, sets cliflag.NamedFlagSets, args []string) error {
	flags := pflag.NewFlagSet(component, pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("flags of %s: %w", component, err)
	}
	return nil
}
