// SPDX-License-Identifier: Apache-2.0

// The program cozy-controller runs in the management cluster: it keeps tenants as their resources say, and serves the
// platform's own charts to Flux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)

	err := start(ctx, os.Args[1:], os.Stdout, os.Stderr)

	stop()

	var wrong *usageError

	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, &wrong):
		fmt.Fprintln(os.Stderr, "cozy-controller:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "cozy-controller:", err)
		os.Exit(1)
	}
}
