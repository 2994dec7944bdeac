// SPDX-License-Identifier: Apache-2.0

// Command tenantbench measures what tenants cost: their controller, and each node's agent of Cilium.
//
// It makes trees of tenants, four levels deep, on a plane, a real control plane with the real controller program under its own
// rights, and counts reconciles, requests, CPU time and memory for each size of tree. Then a service of the root changes a few
// times, and it measures until every descendant says so. It fills the controller's caches with applications, and reads its
// memory. And it has Cilium's own policy engine count the rules and selectors of the same trees. Limits are held against counts,
// since seconds are those of whoever else is busy on the machine; only the change has one of time, for the best of its tries.
//
// Each size has a plane of its own. Nothing runs in pods there, there is no Flux and no Cilium, only their kinds. Still missing:
// tenants that run services of their own on the plane, and a tree that is deleted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

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

// sizeTimeout bounds the measurement of one size. A thousand tenants take minutes.
const sizeTimeout = 20 * time.Minute

// options of a run.
type options struct {
	// sizes are how many tenants there are below the root, in rising order.
	sizes []int
	// objects is how many of them the controller's memory is measured with, at least.
	objects int
	// parts are what is measured: some of tree, memory, policies.
	parts []string
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("tenantbench", flag.ContinueOnError)
	sizes := flags.String("sizes", "10,100,1000", "how many tenants below the root, in rising order")
	objects := flags.Int("objects", manyObjects, "how many objects the controller's caches hold when its memory is measured")
	parts := flags.String("parts", "policies,memory,tree", "what is measured")

	if err := flags.Parse(args); err != nil {
		return options{}, err
	}

	all := options{objects: *objects, parts: strings.Split(*parts, ",")}

	for text := range strings.SplitSeq(*sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < 1 {
			return options{}, fmt.Errorf("--sizes: %q: want a number of tenants, at least 1", text)
		}

		all.sizes = append(all.sizes, size)
	}

	for _, part := range all.parts {
		if measures()[part] == nil {
			return options{}, fmt.Errorf("--parts: %q: not one of tree, memory, policies", part)
		}
	}

	return all, nil
}

// measures are the parts. Each prints tables, and says which limits were missed.
func measures() map[string]func(context.Context, options, io.Writer) (missed, failed error) {
	return map[string]func(context.Context, options, io.Writer) (missed, failed error){
		"tree": measureTrees, "memory": measureFilled, "policies": measurePolicies,
	}
}

// measure prints tables. Its error says which limits were missed.
func measure(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}

	ctrllog.SetLogger(logr.Discard())
	fmt.Fprintf(out, "Load average before: %s.\n", load.Average())

	var missed []error

	for _, part := range o.parts {
		over, err := measures()[part](ctx, o, out)
		if missed = append(missed, over); err != nil {
			return errors.Join(append(missed, err)...)
		}
	}

	return errors.Join(missed...)
}

// measureTrees makes a tree of each size.
func measureTrees(ctx context.Context, o options, out io.Writer) (missed, failed error) {
	var all curve

	for _, size := range o.sizes {
		fmt.Fprintf(out, "%d tenants. Load average before: %s.\n", size, load.Average())

		var one point

		err := onRig(ctx, func(ctx context.Context, r *rig) (err error) {
			one, err = r.measureTree(ctx, size)

			return err
		})
		if err != nil {
			failed = fmt.Errorf("%d tenants: %w", size, err)

			break
		}

		all = append(all, one)
	}

	fmt.Fprint(out, all) // also what was measured before something failed

	return all.missed(), failed
}
