// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/vishvananda/netns"

	"github.com/cozystack/cozy-install/lab/build"
	"github.com/cozystack/cozy-install/lab/world"
)

// endedError says that `cozy-install up` ended with an error that it has told itself.
type endedError struct{ code int }

func (e *endedError) Error() string { return fmt.Sprintf("cozy-install up ended with code %d", e.code) }

// up starts the site if none runs, and brings it up; with a running one it goes on.
func (d *demo) up(ctx context.Context) error {
	start := time.Now()
	running, err := d.isRunning()
	if err != nil {
		return err
	}
	if !running {
		if err := d.startSite(ctx); err != nil {
			return err
		}
	}
	s, err := d.readState()
	if err != nil {
		return fmt.Errorf("read what the running demo says of itself: %w; make demo-down removes it", err)
	}
	prepared := time.Since(start)
	fmt.Fprintf(os.Stderr, "demo: the simulated site is up after %s; now, on its bastion:\n\n  cozy-install up %s\n\n",
		prepared.Round(time.Second), shown(s.Up))
	if err := d.runUp(ctx, s); err != nil {
		return err
	}
	fmt.Printf("\nThe demo took %s, %s of it to build and start the simulated site (its machines run %d times as fast as real ones).\n"+
		"The kubeconfig above is the bastion's. From this host, and to end it:\n\n"+
		"  export KUBECONFIG=%s\n  %s get tenants -A\n  make demo-down\n",
		time.Since(start).Round(time.Second), prepared.Round(time.Second), speed, d.path("kubeconfig"), s.Kubectl)
	return nil
}

// shown makes arguments short: paths relative to where the user is.
func shown(args []string) string {
	here, err := os.Getwd()
	line := ""
	for _, arg := range args {
		if short, relErr := filepath.Rel(here, arg); err == nil && filepath.IsAbs(arg) && relErr == nil {
			arg = short
		}
		line += arg + " "
	}
	return line
}

// startSite builds what is missing and starts the background process, which lives on when this one ends.
func (d *demo) startSite(ctx context.Context) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	if err := d.clean(); err != nil {
		return err
	}
	if _, err := d.programs(); err != nil {
		return err
	}
	say := func(line string) { fmt.Fprintln(os.Stderr, "demo:", line) }
	if _, err := build.Tools(ctx, build.Config{Root: d.root, Progress: say}); err != nil {
		return err
	}
	say("starting the simulated site: control plane, network, three machines")
	return d.spawn(ctx)
}

// programs are the product's, as `make build` left them. The demo builds none of its own: those of other versions in the same
// directory would not fit together (archive.BuildController).
func (d *demo) programs() (world.Programs, error) {
	out := world.Programs{
		Install:    filepath.Join(d.bin, "cozy-install"),
		Controller: filepath.Join(d.bin, "cozy-controller-linux-"+runtime.GOARCH),
	}
	for _, program := range []string{out.Install, out.Controller} {
		if _, err := os.Stat(program); err != nil {
			return world.Programs{}, fmt.Errorf("find the programs to show: %w; make build makes them", err)
		}
	}
	return out, nil
}

func (d *demo) spawn(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(d.path("demo.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	// It outlives this process, in a session of its own so that no terminal ends it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, backgroundCommand, "-dir", d.dir, "-programs", d.bin)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, d.root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the simulated site: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return until(ctx, startTimeout, "the simulated site", func() (bool, error) {
		select {
		case err := <-ended:
			return false, fmt.Errorf("the simulated site ended (%w); %s says why", err, log.Name())
		default:
		}
		_, err := d.readState()
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	})
}

// runUp runs the product on the bastion, with this terminal.
func (d *demo) runUp(ctx context.Context, s state) error {
	cmd := exec.CommandContext(ctx, s.Install, append([]string{"up"}, s.Up...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := startIn(s.Bastion, cmd); err != nil {
		return fmt.Errorf("run cozy-install on the bastion: %w", err)
	}
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return &endedError{code: max(1, exit.ExitCode())}
	}
	return err
}

// startIn starts a command in a network namespace; an empty path means the own one. The thread that enters the namespace
// ends with its goroutine, as it stays locked.
func startIn(path string, cmd *exec.Cmd) error {
	if path == "" {
		return cmd.Start()
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		space, err := netns.GetFromPath(path)
		if err == nil {
			defer space.Close()
			err = netns.Set(space)
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
}
