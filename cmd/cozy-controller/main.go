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
	"strings"
	"syscall"
)

// version is set by the linker, as cozy-controller-build:VERSION:COMMIT; with a commit that may be empty. By the marks
// cozy-install finds them in the program of a platform that it can't run (bundles/archive/controllerbinary.go).
var version = "dev"

// programVersion is the version alone.
func programVersion() string {
	parts := strings.Split(version, ":")
	if len(parts) < 2 {
		return version
	}

	return parts[1]
}

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
