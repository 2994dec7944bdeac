// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/fleet/sitesim"
	"github.com/cozystack/cozy-install/lab/standin"
	"github.com/cozystack/cozy-install/manifests"
)

const (
	chartsPath = "/charts"
	// registrationDelay is how long after its start a stand-in's program registers its kinds.
	registrationDelay = 500 * time.Millisecond
)

// standIns are charts in the place of all upstream ones that the site's bundle has.
type standIns struct {
	plan    *bundles.Plan
	own     *manifests.Repository
	handler http.Handler
}

func (w *World) makeStandIns(ctx context.Context) (*standIns, error) {
	own, err := manifests.NewRepository(manifests.Charts())
	if err != nil {
		return nil, err
	}
	plan, err := bootstrap.ResolveBundle(w.site, "")
	if err != nil {
		return nil, err
	}
	repository, err := standin.Repository(ctx, plan, own, nil)
	if err != nil {
		return nil, err
	}
	return &standIns{plan: plan, own: own, handler: http.StripPrefix(chartsPath, repository)}, nil
}

// chartSource is where the bastion gets stand-ins, for --chart-source.
func (s *surroundings) chartSource() string {
	return "http://" + s.factory.Addr().String() + chartsPath
}

// serveFactory serves the image factory and the stand-in charts at the site's fixed end.
func (w *World) serveFactory(life context.Context, charts *standIns) {
	mux := http.NewServeMux()
	mux.Handle("/", &sitesim.Factory{})
	mux.Handle(chartsPath+"/", charts.handler)
	w.serveOutside(life, "simulated image factory", w.factory, mux)
}

// giveCharts lets the plane's Flux get the stand-ins by the URL that the bastion has, and plays their programs.
func (w *World) giveCharts(life context.Context, charts *standIns) error {
	if w.network != nil { // Flux runs outside its namespaces
		listener, err := new(net.ListenConfig).Listen(life, "tcp4", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listen for Flux's way to stand-in charts: %w", err)
		}
		w.serveOutside(life, "stand-in charts", listener, charts.handler)
		if err := w.Plane.RouteHost(w.factory.Addr().String(), listener.Addr().String()); err != nil {
			return err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", w.Plane.Kubeconfig())
	if err != nil {
		return err
	}
	w.background(func() error {
		return standin.Registrar{Config: config, Plan: charts.plan, Own: charts.own, Delay: registrationDelay, Log: w.cfg.Log}.Run(life)
	})
	return nil
}
