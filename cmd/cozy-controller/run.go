// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cozystack/cozy-install/manifests"
	definitions "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// leaseName is the lease that the leader holds.
const leaseName = "cozy-controller"

// shutdownTimeout bounds how long running reconciles and requests may take after a signal.
const shutdownTimeout = 20 * time.Second

// start runs the program until the context ends, which is no error.
func start(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	o, err := parse(arguments, stdout)
	if err != nil {
		return err
	}

	if o.isVersion {
		_, err = fmt.Fprintln(stdout, "cozy-controller", programVersion())

		return err
	}

	log := slog.New(slog.NewJSONHandler(stderr, nil))
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	klog.SetSlogLogger(log)

	cluster, err := config.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w; run in a cluster, or name a file with --kubeconfig", err)
	}

	mgr, err := assemble(cluster, o, log)
	if err != nil {
		return err
	}

	log.InfoContext(ctx, "starting", "version", programVersion(), "cluster", cluster.Host, "charts", o.charts)

	return unlessStopped(ctx, mgr.Start(ctx))
}

// unlessStopped drops the errors of parts that were interrupted because the program was asked to stop.
func unlessStopped(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// assemble puts the parts together; nothing runs yet.
func assemble(cluster *rest.Config, o options, log *slog.Logger) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, rbacv1.AddToScheme, networkingv1.AddToScheme, apiextensionsv1.AddToScheme,
		v1alpha1.AddToScheme, definitions.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("make the resource types known: %w", err)
		}
	}

	site, err := readSite(o.site)
	if err != nil {
		return nil, err
	}

	ready := &readiness{}
	if o.leaderElect {
		ready.lease = &leaseSight{now: time.Now}
		cluster = rest.CopyConfig(cluster)
		cluster.Wrap(ready.lease.watch)
	}

	caches, err := cacheOptions(ready.heard)
	if err != nil {
		return nil, err
	}

	timeout := shutdownTimeout

	mgr, err := ctrl.NewManager(cluster, manager.Options{
		Scheme:                        scheme,
		Logger:                        logr.FromSlogHandler(log.Handler()),
		MapperProvider:                newMapper(scheme),
		Cache:                         caches,
		Metrics:                       metricsserver.Options{BindAddress: addressOrNone(o.metrics)},
		HealthProbeBindAddress:        addressOrNone(o.health),
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.leaderNamespace,
		LeaderElectionReleaseOnCancel: true, // the process ends with the manager, so the next leader need not wait
		GracefulShutdownTimeout:       &timeout,
	})
	if err != nil {
		return nil, fmt.Errorf("assemble the manager: %w", err)
	}

	ready.elected = mgr.Elected()

	own, err := manifests.NewRepository(manifests.Charts())
	if err != nil {
		return nil, fmt.Errorf("pack the charts: %w", err)
	}

	if err := addServers(mgr, cluster, o, own, ready, log); err != nil {
		return nil, err
	}

	crds, err := dynamic.NewForConfigAndClient(cluster, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make a client for custom resource definitions: %w", err)
	}

	// The reconcilers come when their CRD is there. Until then charts are served: the one with the CRD may be among them.
	err = mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		for _, name := range []string{v1alpha1.TenantCRD, definitions.ApplicationDefinitionCRD} {
			log.InfoContext(ctx, "waiting for the custom resource definition", "name", name, "timeout", o.crdTimeout.String())

			if err := waitForCRD(ctx, crds, name, o.crdTimeout, ready); err != nil {
				return unlessStopped(ctx, err)
			}
		}

		isFilled, err := addTenants(mgr, own, site, o.platform, log)
		if err != nil {
			return err
		}

		ready.fills(isFilled)

		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("add the tenant controller: %w", err)
	}

	return mgr, nil
}

// addServers adds the health checks, and the server of charts unless its address is empty. The program is alive while it
// answers: to start it anew helps nobody who waits for the API server.
func addServers(
	mgr manager.Manager, cluster *rest.Config, o options, own *manifests.Repository, ready *readiness, log *slog.Logger,
) error {
	if err := mgr.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return fmt.Errorf("add the health check: %w", err)
	}

	if err := mgr.AddReadyzCheck("ready", func(r *http.Request) error { return ready.check(r.Context()) }); err != nil {
		return fmt.Errorf("add the readiness check: %w", err)
	}

	if o.charts == "" {
		return nil
	}

	client, err := kubernetes.NewForConfigAndClient(cluster, mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("make a client for charts: %w", err)
	}

	charts := &chartServer{own: own, client: client, namespace: o.leaderNamespace, log: log}

	timeout := shutdownTimeout
	server := &manager.Server{Name: "charts", ShutdownTimeout: &timeout, Server: &http.Server{
		Addr:              o.charts,
		Handler:           routes(charts, ready.check),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute, // a chart over a slow line
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}}
	if err := mgr.Add(server); err != nil {
		return fmt.Errorf("add the server of charts: %w", err)
	}

	return nil
}

// routes are the paths of the server of charts, of health, and of what the controller counts.
func routes(charts http.Handler, ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/charts/", http.StripPrefix("/charts", charts))
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3}))

	isAlive := func(context.Context) error { return nil }
	for path, check := range map[string]func(context.Context) error{"/healthz": isAlive, "/readyz": ready} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if err := check(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)

				return
			}

			_, _ = io.WriteString(w, "ok\n") // whoever asked has gone; nothing to do about it
		})
	}

	return mux
}
