// SPDX-License-Identifier: Apache-2.0

// Command tenantbench measures what tenants cost their controller. It makes trees of tenants, four levels deep, on a plane, a
// real control plane with the real controller program under its own rights, and counts seconds, reconciles and requests for each
// size of tree. Then a service of the root changes, and it measures until every descendant says so.
//
// Each size has a plane of its own. Nothing runs in pods there, and there is no Flux. Still missing: memory at 10,000 objects.
package main

import (
	"context"
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

// measure prints the curve. Its error says which limits were missed.
func measure(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("tenantbench", flag.ContinueOnError)
	list := flags.String("sizes", "10,100,1000", "how many tenants below the root, in rising order")

	if err := flags.Parse(args); err != nil {
		return err
	}

	ctrllog.SetLogger(logr.Discard())

	var all curve

	for text := range strings.SplitSeq(*list, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < 1 {
			return fmt.Errorf("--sizes: %q: want a number of tenants, at least 1", text)
		}

		fmt.Fprintf(out, "%d tenants. Load average before: %s.\n", size, load.Average())

		one, err := measureSize(ctx, size)
		if err != nil {
			return fmt.Errorf("%d tenants: %w", size, err)
		}

		all = append(all, one)
	}

	fmt.Fprint(out, all)

	return all.missed()
}
