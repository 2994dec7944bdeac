// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/google/renameio/v2"

	"github.com/cozystack/cozy-install/lab/build"
	"github.com/cozystack/cozy-install/lab/world"
)

// backgroundCommand is how `demo up` calls itself to run the site.
const backgroundCommand = "run-site"

// background runs the simulated site until it is told to end.
func (d *demo) background(ctx context.Context) (err error) {
	lock := d.lock()
	free, err := lock.TryLock()
	if err != nil {
		return err
	}
	if !free {
		return errors.New("another demo runs in " + d.dir)
	}
	// The lock is never given back: it goes with the process, so that whoever finds it free knows that nothing is left.
	defer runtime.KeepAlive(lock)
	tools, err := build.Tools(ctx, build.Config{Root: d.root})
	if err != nil {
		return err
	}
	programs, err := d.programs()
	if err != nil {
		return err
	}
	w, err := world.Start(ctx, world.Config{
		Dir: d.path("site"), SiteFile: filepath.Join(d.root, siteFile), Programs: programs, Tools: tools, Speed: speed,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := d.announce(w, programs, tools); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-w.Plane.Done():
		return w.Plane.Err()
	}
}

// announce switches the machines on and says that the site is up.
func (d *demo) announce(w *world.World, programs world.Programs, tools build.Set) error {
	config, err := os.ReadFile(w.Plane.Kubeconfig())
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(d.path("kubeconfig"), config, 0o600); err != nil {
		return err
	}
	if err := os.Symlink(tools.Kubectl, d.path("kubectl")); err != nil {
		return err
	}
	if err := w.Fleet.PowerOn(); err != nil {
		return err
	}
	return d.writeState(state{
		PID: os.Getpid(), Bastion: w.BastionPath(), Install: programs.Install, Kubectl: d.path("kubectl"),
		Up: append(w.UpArgs(), "--work-dir", d.path("work")),
	})
}

// down ends the background process and removes everything the demo made. Without a demo it does nothing.
func (d *demo) down(ctx context.Context) error {
	running, err := d.isRunning()
	if err != nil {
		return err
	}
	if running {
		if err := d.end(ctx); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return fmt.Errorf("remove the demo's files: %w", err)
	}
	return nil
}

func (d *demo) end(ctx context.Context) error {
	s, err := d.readState()
	if err != nil {
		return fmt.Errorf("a demo runs in %s but does not say which process it is: %w; try again in a moment", d.dir, err)
	}
	gone := func() (bool, error) {
		running, err := d.isRunning()
		return !running, err
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(s.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end the demo (process %d): %w", s.PID, err)
		}
		if err = until(ctx, stopTimeout, "the demo to end", gone); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// clean removes what a demo that died left in the directory.
func (d *demo) clean() error {
	for _, name := range []string{"state.json", "kubeconfig", "kubectl", "site", "work"} {
		if err := os.RemoveAll(d.path(name)); err != nil {
			return err
		}
	}
	return nil
}
