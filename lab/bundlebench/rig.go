// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed" // site.yaml
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/plane"
	"github.com/cozystack/cozy-install/lab/standin"
	"github.com/cozystack/cozy-install/manifests"
)

//go:embed site.yaml
var siteFile string

// registrationDelay is how long after its start a stand-in's program registers its kinds.
const registrationDelay = time.Second

// rig is a plane with three nodes, charts, and a plan. The core is not installed yet.
type rig struct {
	plane   *plane.Plane
	config  *rest.Config
	dynamic dynamic.Interface
	plan    *bundles.Plan
	own     *manifests.Repository
	shelf   *bundles.Shelf
	watch   *observer
}

// onRig gives do a rig. Nothing is left running. flags are what helm-controller has beside Flux's defaults.
func onRig(ctx context.Context, plan *bundles.Plan, flags []string, do func(context.Context, *rig) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()

	dir, err := os.MkdirTemp("", "cozy-install-bundlebench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	p, err := plane.Run(ctx, plane.Config{Dir: dir, HelmControllerFlags: flags})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Err(), p.Stop()) }()

	group, life := errgroup.WithContext(ctx)
	r, err := newRig(life, group, p, plan)

	if err == nil {
		err = do(life, r)
	}

	cancel()

	return errors.Join(err, group.Wait())
}

// resolve makes the plan of a bundle for the site of this program.
func resolve(bundle string) (*bundles.Plan, error) {
	parsed, err := site.Parse("site.yaml", []byte(strings.Replace(siteFile, "bundle: paas-full", "bundle: "+bundle, 1)))
	if err != nil {
		return nil, err
	}

	return bootstrap.ResolveBundle(parsed, "")
}

func newRig(ctx context.Context, group *errgroup.Group, p *plane.Plane, plan *bundles.Plan) (*rig, error) {
	r := &rig{plane: p, config: p.RESTConfig(), plan: plan}
	r.config.QPS, r.config.Burst = 100, 200 // those of bootstrap/kube

	var err error
	if r.dynamic, err = dynamic.NewForConfig(r.config); err != nil {
		return nil, err
	}

	if r.own, err = manifests.NewRepository(manifests.Charts()); err != nil {
		return nil, err
	}

	if err := r.serveCharts(ctx, group); err != nil {
		return nil, err
	}

	for n := range byte(3) { // those of the site
		if err := p.RegisterNode(ctx, plane.NodeSpec{
			Name: fmt.Sprintf("node%d", n), InternalIP: netip.AddrFrom4([4]byte{10, 77, 0, 11 + n}), Role: plane.ControlPlane,
			TalosVersion: "v1.13.9", KubernetesVersion: "v1.34.4",
		}); err != nil {
			return nil, err
		}
	}

	r.watch, err = observe(ctx, group, p.RESTConfig())
	if err != nil {
		return nil, err
	}

	group.Go(func() error {
		return standin.Registrar{
			Config: p.RESTConfig(), Plan: r.plan, Own: r.own, Delay: registrationDelay, Operated: r.watch.seeOperated,
		}.Run(ctx)
	})

	return r, nil
}

// serveCharts serves our own charts where the controller would, and stand-ins for all others, and makes the plan take them.
func (r *rig) serveCharts(ctx context.Context, group *errgroup.Group) error {
	address, err := serve(ctx, group, http.StripPrefix("/charts", r.own))
	if err != nil {
		return err
	}

	if err := r.plane.RouteService("cozy-system", "cozy-controller", 80, address); err != nil {
		return err
	}

	others, err := standin.Repository(ctx, r.plan, r.own, nil)
	if err != nil {
		return err
	}

	if address, err = serve(ctx, group, others); err != nil {
		return err
	}

	r.shelf = bundles.NewShelf(r.own, nil)

	return r.shelf.Redirect(ctx, r.plan, "http://"+address)
}

// serve serves on a free loopback port, in the group.
func serve(ctx context.Context, group *errgroup.Group, handler http.Handler) (address string, err error) {
	var config net.ListenConfig

	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for charts: %w", err)
	}

	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}

	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}

		return nil
	})
	group.Go(func() error {
		<-ctx.Done()

		return server.Close()
	})

	return listener.Addr().String(), nil
}
