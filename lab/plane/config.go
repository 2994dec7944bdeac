// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/cozystack/cozy-install/lab/build"
)

// Config of a plane. The zero value of each field but Dir has a meaning.
type Config struct {
	// Dir takes all files of the plane. Required; made when it is missing; must hold no former plane's data.
	Dir string
	// Tools are the programs to run. Zero: built, or taken from the cache, by build.Tools.
	Tools build.Set
	// SANs are additional IP addresses and DNS names of the API's certificate.
	SANs []string
	// ServiceCIDR is the range of ClusterIPs. Zero: 127.96.0.0/16, which planes may share as long as no local process
	// listens on a ClusterIP.
	ServiceCIDR netip.Prefix
	// PodCIDR is the range of pod addresses, which exist only as text. Zero: 10.244.0.0/16.
	PodCIDR netip.Prefix
	// WithoutFlux leaves out Flux: its CRDs, its controllers, and the Deployments that stand for them.
	WithoutFlux bool
	// HelmControllerFlags replace those that make helm-controller look sooner than by default at releases that wait for
	// others. Nil: those. Empty: Flux's defaults.
	HelmControllerFlags []string
	// Log gets what the plane does. Nil: discarded.
	Log *slog.Logger
}

func (cfg Config) complete(ctx context.Context) (Config, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if !cfg.ServiceCIDR.IsValid() {
		cfg.ServiceCIDR = netip.MustParsePrefix("127.96.0.0/16")
	}
	if !cfg.PodCIDR.IsValid() {
		cfg.PodCIDR = netip.MustParsePrefix("10.244.0.0/16")
	}
	if cfg.Dir == "" {
		return cfg, errors.New("plane: Config.Dir is empty: the plane's files need a place")
	}
	var err error
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return cfg, fmt.Errorf("plane: directory %s: %w", cfg.Dir, err)
	}
	data := filepath.Join(cfg.Dir, "etcd")
	if _, err := os.Stat(data); err == nil {
		return cfg, fmt.Errorf("plane: %s exists: a plane starts empty, remove %s or choose another directory", data, cfg.Dir)
	}
	if cfg.Tools == (build.Set{}) {
		cfg.Tools, err = build.Tools(ctx, build.Config{Progress: func(line string) { cfg.Log.Info(line) }})
	}
	return cfg, err
}
