// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"github.com/cozystack/cozy-install/lab/build"
)

const (
	siteFile = "examples/lab/site.yaml"
	// speed makes the minutes in which a server boots and installs seconds. The product is not told.
	speed = 20
	// startTimeout bounds the start of the simulated site, without builds; stopTimeout its end.
	startTimeout = 3 * time.Minute
	stopTimeout  = time.Minute
	// look is the pause between two looks at the background process.
	look = 100 * time.Millisecond
)

// demo is a demo in a directory.
type demo struct {
	root, dir string
	// bin is the directory of the product's programs, as `make build` names them.
	bin string
}

func newDemo(dir, bin string) (*demo, error) {
	root, err := build.FindRoot()
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	programs, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	return &demo{root: root, dir: abs, bin: programs}, nil
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// state is what the background process tells the others once the site is up.
type state struct {
	PID int `json:"pid"`
	// Bastion names the network namespace of the bastion. Empty: the host's own.
	Bastion string `json:"bastion,omitempty"`
	// Up are the arguments that `cozy-install up` needs at this site.
	Up      []string `json:"up"`
	Install string   `json:"install"`
	Kubectl string   `json:"kubectl"`
}

func (d *demo) readState() (state, error) {
	var s state
	data, err := os.ReadFile(d.path("state.json"))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

func (d *demo) writeState(s state) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return renameio.WriteFile(d.path("state.json"), data, 0o600)
}

// lock is held by the background process, so that it is known whether there is one, also after a crash.
func (d *demo) lock() *flock.Flock { return flock.New(d.path("lock")) }

// isRunning says whether a background process holds the demo.
func (d *demo) isRunning() (bool, error) {
	if _, err := os.Stat(d.dir); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	lock := d.lock()
	free, err := lock.TryLock()
	if err != nil {
		return false, fmt.Errorf("look whether a demo runs: %w", err)
	}
	if free {
		return false, lock.Unlock()
	}
	return true, nil
}

// until looks again and again whether something is so, for a bounded time.
func until(ctx context.Context, timeout time.Duration, what string, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		if done, err := so(); done || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		}
	}
}
