// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"

	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cozystack/cozy-install/manifests"
	"github.com/cozystack/cozy-install/tenant/controller"
	"github.com/cozystack/cozy-install/tenant/controller/application"
	"github.com/cozystack/cozy-install/tenant/policy"

	rules "github.com/cozystack/cozy-install/tenant/application"
)

// defaultClusterDomain is Kubernetes' own, for clusters of which the site is not known.
const defaultClusterDomain = "cluster.local"

// addTenants adds the reconcilers of tenants and of applications, which share the tree. What it returns says whether they know
// all there is: each kind that they watch, and each tenant's place.
func addTenants(
	mgr manager.Manager, own *manifests.Repository, site *policy.Site, platform rules.Platform, log *slog.Logger,
) (isFilled func(context.Context) bool, err error) {
	charts, err := ownCharts(own)
	if err != nil {
		return nil, err
	}

	platform.ClusterDomain = defaultClusterDomain
	if site != nil {
		platform.ClusterDomain = site.ClusterDomain
	}

	tenants := controller.NewTenants()

	if err := application.Setup(mgr, application.Options{Tenants: tenants, Charts: charts, Platform: platform, Log: log}); err != nil {
		return nil, err
	}

	if err := controller.Setup(mgr, controller.Options{Tenants: tenants, Site: site, Metrics: metrics.Registry, Log: log}); err != nil {
		return nil, err
	}

	return func(ctx context.Context) bool { return tenants.IsKnown() && mgr.GetCache().WaitForCacheSync(ctx) }, nil
}

// ownCharts are the embedded charts, as definitions of applications name them.
func ownCharts(own *manifests.Repository) (map[string]application.Chart, error) {
	all := map[string]application.Chart{}

	for _, name := range own.Names() {
		version, err := own.Version(name)
		if err != nil {
			return nil, err
		}

		schema, err := own.Schema(name)
		if err != nil {
			return nil, err
		}

		all[name] = application.Chart{Version: version, Schema: schema}
	}

	return all, nil
}
