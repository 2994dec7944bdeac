// SPDX-License-Identifier: Apache-2.0

// Command bringup measures what `cozy-install up` adds to the time that machines need by themselves. It runs the product's
// own binary, in a process of its own, against simulated machines in this one: from power-on over netboot, config, install,
// reboot, etcd's bootstrap and kubeconfig until every node has registered in Kubernetes.
//
// Simulated are the firmware, the kernel, Talos and the Kubernetes API; DHCP, TFTP, HTTP, TLS and the Talos API are spoken
// over loopback. It refuses to know how the product works. Still missing: what comes after the nodes have registered.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

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

// measure makes one bring-up for each number of machines, one after the other. Its error names the limits that were missed.
func measure(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bringup", flag.ContinueOnError)
	sizes := flags.String("nodes", "3,50,500", "how many nodes, for each bring-up")
	root := flags.String("root", ".", "the repository: the program is built from it")
	speed := flags.Float64("speed", 1, "divides the machines' own durations; the limits are for 1")
	talos := flags.String("talos", "", "the version of Talos that the machines start and are to run; empty: the product's default")
	logs := flags.String("log", "", "a file to which what the program says is written; empty: it is shown only after an error")

	if err := flags.Parse(args); err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "cozy-install-bringup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	said, err := openLog(*logs)
	if err != nil {
		return err
	}
	defer said.Close()

	program, err := frame.Build(ctx, *root, dir)
	if err != nil {
		return err
	}

	fmt.Fprint(out, head(*speed))

	var missed []error

	err = frame.EachSize(*sizes, func(count int) error {
		result, err := run(ctx, config{program: program, nodes: count, speed: *speed, talos: *talos, said: said})
		if err == nil {
			fmt.Fprintln(out, result)

			missed = append(missed, result.missed())
		}

		return err
	})

	return errors.Join(append(missed, err)...)
}

// runTimeout bounds one bring-up at the speed of the world: it takes three minutes.
const runTimeout = 20 * time.Minute

// openLog opens what the program's words are added to. Without a name they go nowhere.
func openLog(name string) (io.WriteCloser, error) {
	if name == "" {
		name = os.DevNull
	}

	return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}
