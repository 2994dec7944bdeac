// SPDX-License-Identifier: Apache-2.0

// Command demo shows the whole product on one machine: `demo up` starts a simulated site in the background and runs
// `cozy-install up` on its bastion, exactly as an operator would; `demo down` stops it and removes its files.
//
// It only puts things together: what is simulated and how is said by lab/world. The product's programs are those of `make build`.
// Everything it writes is in one directory.
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

const usage = `usage: demo up|down [-dir .demo] [-programs bin]`

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := command(ctx, os.Args[1:])
	var ended *endedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.code // it has said why
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, usage)
		return 2
	}
	fmt.Fprintln(os.Stderr, "demo:", err)
	return 1
}

var errUsage = errors.New("wrong usage")

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet("demo "+args[0], flag.ContinueOnError)
	dir := flags.String("dir", ".demo", "directory for everything the demo writes")
	programs := flags.String("programs", "bin", "directory with the programs that make build makes")
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	d, err := newDemo(*dir, *programs)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return d.up(ctx)
	case "down":
		return d.down(ctx)
	case backgroundCommand:
		return d.background(ctx)
	}
	return errUsage
}
