// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"net/netip"
	"path/filepath"
)

// config is what the caller decides. All paths are absolute.
type config struct {
	data        string // etcd's data and sockets; made by the caller, mode 0700
	pki         string // certificates and keys, under the names that file() is called with
	kubeconfigs string // kcm.kubeconfig and scheduler.kubeconfig
	routes      string // JSON file of the resolver; need not exist, may change at any time
	listenFD    int    // inherited TCP listener of the apiserver

	serviceCIDR      netip.Prefix
	podCIDR          netip.Prefix
	advertiseAddress netip.Addr
}

// file returns the path of a file of the PKI directory.
func (c config) file(name string) string { return filepath.Join(c.pki, name) }

func (c config) kubeconfig(name string) string {
	return filepath.Join(c.kubeconfigs, name+".kubeconfig")
}

func parseConfig(args []string) (config, error) {
	var cfg config
	flags := flag.NewFlagSet("labplane", flag.ContinueOnError)
	flags.StringVar(&cfg.data, "data", "", "`directory` for etcd's data and sockets")
	flags.StringVar(&cfg.pki, "pki", "", "`directory` of certificates and keys")
	flags.StringVar(&cfg.kubeconfigs, "kubeconfigs", "", "`directory` of kcm.kubeconfig and scheduler.kubeconfig")
	flags.StringVar(&cfg.routes, "routes", "", "JSON `file` that maps namespace/service:port to host:port")
	flags.IntVar(&cfg.listenFD, "listen-fd", 3, "file `descriptor` of the apiserver's TCP listener")
	// Loopback service addresses: a local process that listens on a ClusterIP is that Service for every other one.
	flags.TextVar(&cfg.serviceCIDR, "service-cidr", netip.MustParsePrefix("127.96.0.0/16"), "`range` of ClusterIPs")
	flags.TextVar(&cfg.podCIDR, "pod-cidr", netip.MustParsePrefix("10.244.0.0/16"), "`range` of the nodes' pod subnets")
	// The apiserver refuses loopback addresses in the endpoints of its own Service; nobody dials this one.
	flags.TextVar(&cfg.advertiseAddress, "advertise-address", netip.MustParseAddr("192.0.2.1"), "`address` in the kubernetes Service's endpoints")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	for name, path := range map[string]string{"data": cfg.data, "pki": cfg.pki, "kubeconfigs": cfg.kubeconfigs, "routes": cfg.routes} {
		if !filepath.IsAbs(path) {
			return config{}, fmt.Errorf("-%s %q: not an absolute path", name, path)
		}
	}
	return cfg, nil
}
