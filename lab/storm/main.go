// SPDX-License-Identifier: Apache-2.0

// Command storm switches on hundreds of simulated machines at once and lets them boot from one `cozy-install pxe serve`,
// the product's own binary in a process of its own. It says how long that took and how much memory the server needed.
//
// The machines are ROMs without an operating system, in this process, on loopback behind DHCP relays. Their files are
// smaller than real ones, so that what is measured is the server and not a disk or a link. It refuses to know how the
// server works. Still missing: arm64 machines in the storms that make up the table.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cozystack/cozy-install/lab/frame"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if err := measure(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// measure makes one storm for each number of machines, one after the other, each with a fresh server.
func measure(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("storm", flag.ContinueOnError)
	sizes := flags.String("machines", "10,100,500,1000", "how many machines, for each storm")
	root := flags.String("root", ".", "the repository: the server is built from it")

	serves := flags.Bool("serves", false, "let the server give the addresses (netboot.mode: server)")

	if err := flags.Parse(args); err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "cozy-install-storm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	program, err := frame.Build(ctx, *root, dir)
	if err != nil {
		return err
	}

	fmt.Fprint(out, reportHead)

	return frame.EachSize(*sizes, func(count int) error {
		result, err := run(ctx, config{program: program, machines: count, serves: *serves})
		if err == nil {
			fmt.Fprintln(out, result)
		}

		return err
	})
}
