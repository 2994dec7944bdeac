// SPDX-License-Identifier: Apache-2.0

package main

import (
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

// addTenants adds the reconcilers of tenants and of applications, which share the tree.
func addTenants(mgr manager.Manager, own *manifests.Repository, site *policy.Site, issuer string, log *slog.Logger) error {
	charts, err := ownCharts(own)
	if err != nil {
		return err
	}

	platform := rules.Platform{ClusterDomain: defaultClusterDomain, Issuer: issuer}
	if site != nil {
		platform.ClusterDomain = site.ClusterDomain
	}

	tenants := controller.NewTenants()

	if _, err := application.Setup(mgr, application.Options{Tenants: tenants, Charts: charts, Platform: platform, Log: log}); err != nil {
		return err
	}

	return controller.Setup(mgr, controller.Options{Tenants: tenants, Site: site, Metrics: metrics.Registry, Log: log})
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
