// SPDX-License-Identifier: Apache-2.0

// Command cozy-install takes an operator from bare servers to a cloud platform with one site file.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/cozystack/cozy-install/cmd/internal/cli"
)

// version is set by the linker.
var version = "dev"

// controllerImage is set by the linker of a release: the published image of cozy-controller, by digest.
var controllerImage string

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal is polite; after it the second one ends the program at once.
	context.AfterFunc(ctx, stop)
	streams := cli.Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Published: controllerImage,
		Sockets:   activation.Files(true), // what is read is unset: nobody else takes them for his own
	}
	return cli.Run(ctx, streams, version, os.Args[1:])
}
