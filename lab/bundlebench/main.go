// SPDX-License-Identifier: Apache-2.0

// Command bundlebench measures how well the installation of a bundle uses its time. It installs one on a plane, a real
// control plane with real Flux, and compares the time of the whole with the longest dependency chain of the releases' own
// times: no order of installation could be faster than that. Then it gives the same HelmReleases to Flux alone, on another
// plane, all at once.
//
// Simulated are nodes and pods, which start at once, and the charts that are not ours. It refuses to know how the product
// decides what comes next. Still missing: charts that take as long as real ones.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cozystack/cozy-install/lab/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if err := measure(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runTimeout bounds each of the two installations. They take one to five minutes.
const runTimeout = 20 * time.Minute

// measure installs the bundle by the product, then by Flux alone. Its error says that the limit was missed.
func measure(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bundlebench", flag.ContinueOnError)
	bundle := flags.String("bundle", "paas-full", "a bundle for Talos")
	alone := flags.Bool("flux-alone", true, "install it by Flux alone as well")

	if err := flags.Parse(args); err != nil {
		return err
	}

	fmt.Fprintf(out, "Bundle %s with stand-ins on the lab's control plane. Load average before: %s.\n", *bundle, load.Average())

	own, objects, err := runProduct(ctx, *bundle)
	if err != nil {
		return err
	}

	fmt.Fprint(out, own)

	if *alone {
		fmt.Fprintf(out, "\nThe same by Flux alone. Load average before: %s.\n", load.Average())

		took, err := runFluxAlone(ctx, *bundle, objects)
		if err != nil {
			return err
		}

		fmt.Fprintf(out, "All %d HelmReleases at once, dependsOn, Flux's defaults: %.1f s; %.2f times the %.1f s of the product for them.\n",
			len(objects.releases), took.Seconds(), took.Seconds()/own.rest.Seconds(), own.rest.Seconds())
	}

	return own.missed()
}
