// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client/config"

	rules "github.com/cozystack/cozy-install/tenant/application"
)

// options are the flags. Where the cluster is, controller-runtime's own flag --kubeconfig says.
type options struct {
	// charts, metrics and health are the addresses to listen on. Empty: that one is not served.
	charts, metrics, health string
	leaderElect             bool
	leaderNamespace         string
	// crdTimeout bounds the wait for the CRD of tenants. Zero: it is waited for as long as the program runs.
	crdTimeout time.Duration
	// site names the file of what tenants are isolated from. Empty: they are not isolated.
	site string
	// platform is what applications are told, but for what the site says.
	platform  rules.Platform
	isVersion bool
}

// maxRatio is the most that may be promised beyond what is reserved. More is a slip of the pen.
const maxRatio = 100

// usageError says that the command line is wrong.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// parse reads the command line. Help goes to stdout, and is the error flag.ErrHelp.
func parse(arguments []string, stdout io.Writer) (options, error) {
	var o options

	flags := flag.NewFlagSet("cozy-controller", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // it would say each mistake twice
	config.RegisterFlags(flags)
	flags.StringVar(&o.charts, "charts-address", ":9680",
		"address of the HTTP server for the platform's charts (/charts), with /healthz and /readyz; empty: none")
	flags.StringVar(&o.metrics, "metrics-address", "", "address of Prometheus metrics (/metrics); empty: none")
	flags.StringVar(&o.health, "health-address", "", "address of a server for /healthz and /readyz alone; empty: none")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "elect one of several controllers to do the work; all serve charts")
	flags.StringVar(&o.leaderNamespace, "leader-elect-namespace", "cozy-system", "namespace of the leader's lease")
	flags.DurationVar(&o.crdTimeout, "crd-timeout", 0,
		"how long to wait for the CRD of tenants at the start; 0: for ever, since bundles without tenants have none")
	flags.StringVar(&o.site, "site", "",
		"JSON file with the addresses of nodes, pods, Services and more, and which network policies the cluster enforces; empty: "+
			"networks of tenants are not isolated")
	flags.StringVar(&o.platform.Issuer, "issuer", "",
		"ClusterIssuer of certificates for hosts of tenants, of those whose users name none; empty: there is none")
	flags.Float64Var(&o.platform.CPURatio, "cpu-ratio", 1,
		"how much more CPU applications may use than is reserved for them; 10 reserves a tenth of their limits")
	flags.Float64Var(&o.platform.MemoryRatio, "memory-ratio", 1,
		"how much more memory applications may use than is reserved for them")
	flags.BoolVar(&o.isVersion, "version", false, "print the version and stop")

	err := flags.Parse(arguments)

	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.PrintDefaults()

		return options{}, err
	case err != nil:
		return options{}, &usageError{err}
	}

	if flags.NArg() > 0 {
		return options{}, &usageError{fmt.Errorf("%q: the program takes flags only; see --help", strings.Join(flags.Args(), " "))}
	}

	for name, ratio := range map[string]float64{"cpu-ratio": o.platform.CPURatio, "memory-ratio": o.platform.MemoryRatio} {
		if !(ratio >= 1 && ratio <= maxRatio) { // not a number is neither
			return options{}, &usageError{fmt.Errorf("--%s: %v: want a number from 1 to %d", name, ratio, maxRatio)}
		}
	}

	for name, address := range map[string]string{
		"charts-address": o.charts, "metrics-address": o.metrics, "health-address": o.health,
	} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			return options{}, &usageError{fmt.Errorf("--%s: %q: want an address like :9680 or 127.0.0.1:9680", name, address)}
		}
	}

	return o, nil
}

// addressOrNone is how controller-runtime is told not to listen.
func addressOrNone(address string) string {
	if address == "" {
		return "0"
	}

	return address
}
