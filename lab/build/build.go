// SPDX-License-Identifier: Apache-2.0

// Package build compiles the third-party programs that the lab runs, each from a module of its own below lab/tools, so
// that Kubernetes and its like never enter the product's dependency graph.
//
// Programs go to a git-ignored cache folder under the hash of what they are made from, and are built only when they are not
// there. Only one program is built at a time on a machine's checkout, by whichever process comes first, because
// the linker needs about 2 GB for each of them.
//
// It refuses to know what the programs are for. Still missing: removing programs of former versions from the cache
// (delete the folder).
package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Set names the files that Tools made. All paths are absolute.
type Set struct {
	Labplane         string // the control plane in one process
	Kubectl          string // of the same version as the control plane
	KWOK             string
	SourceController string
	HelmController   string
	FluxCRDs         string // folder of the two controllers' CRD manifests
}

// Config says where to build. The zero value is the usual one.
type Config struct {
	Root     string       // of the repository; empty: found from the working directory upwards
	CacheDir string       // empty: .cache/lab below Root
	Progress func(string) // gets one line for each step that takes long; nil: silent. Called from one goroutine at a time.
}

// Tools returns the programs, building those that are missing. It may be called concurrently, also by several processes. With an
// empty Go build cache it takes about 1,300 CPU-seconds, else the time of five links, and nothing when all are there.
func Tools(ctx context.Context, cfg Config) (Set, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return Set{}, err
	}
	path, err := cfg.buildAll(ctx, catalogue())
	if err != nil {
		return Set{}, err
	}
	return Set{
		Labplane:         path("kube", "labplane"),
		Kubectl:          path("kube", "kubectl"),
		KWOK:             path("kwok", "kwok"),
		SourceController: path("flux", "source-controller"),
		HelmController:   path("flux", "helm-controller"),
		FluxCRDs:         path("flux", "crds"),
	}, nil
}

// buildAll builds what is missing of the programs, and says where a program of a module is.
func (cfg Config) buildAll(ctx context.Context, programs []program) (path func(module, name string) string, err error) {
	folders := map[string]string{}
	for _, program := range programs {
		if folders[program.module] != "" {
			continue
		}
		key, err := moduleKey(filepath.Join(cfg.Root, toolsDir, program.module))
		if err != nil {
			return nil, err
		}
		folders[program.module] = filepath.Join(cfg.CacheDir, key)
	}
	if err := cfg.buildMissing(ctx, programs, folders); err != nil {
		return nil, err
	}
	return func(module, name string) string { return filepath.Join(folders[module], name) }, nil
}

func (cfg Config) complete() (Config, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	if cfg.Root == "" {
		root, err := FindRoot()
		if err != nil {
			return cfg, err
		}
		cfg.Root = root
	}
	if cfg.CacheDir == "" {
		cfg.CacheDir = filepath.Join(cfg.Root, ".cache", "lab")
	}
	var err error
	if cfg.CacheDir, err = filepath.Abs(cfg.CacheDir); err != nil {
		return cfg, fmt.Errorf("find the lab's cache folder: %w", err)
	}
	return cfg, nil
}

// buildMissing builds, under the lock, what is not in its folder.
func (cfg Config) buildMissing(ctx context.Context, programs []program, folders map[string]string) error {
	if len(missing(programs, folders)) == 0 {
		return nil
	}
	if err := os.MkdirAll(cfg.CacheDir, 0o755); err != nil {
		return fmt.Errorf("make the lab's cache folder: %w", err)
	}
	lock := flock.New(filepath.Join(cfg.CacheDir, "lock"))
	if locked, err := lock.TryLock(); err != nil {
		return fmt.Errorf("lock the lab's cache folder: %w", err)
	} else if !locked {
		cfg.Progress("waiting for another process that builds the lab's programs")
		if _, err := lock.TryLockContext(ctx, time.Second); err != nil {
			return fmt.Errorf("wait for the lock %s of another build: %w", lock.Path(), err)
		}
	}
	defer func() { _ = lock.Unlock() }() // the kernel does it with the process at the latest
	// Looked at again: the other process may have built them.
	todo := missing(programs, folders)
	for i, program := range todo {
		step := fmt.Sprintf("%s (%d/%d)", program.name, i+1, len(todo))
		cfg.Progress(fmt.Sprintf("building %s, %s on a cold Go build cache", step, program.estimate()))
		if err := cfg.build(ctx, program, step, folders[program.module]); err != nil {
			return fmt.Errorf("build %s from %s: %w", program.name, filepath.Join(toolsDir, program.module), err)
		}
	}
	return nil
}

func missing(programs []program, folders map[string]string) []program {
	var todo []program
	for _, program := range programs {
		if _, err := os.Stat(filepath.Join(folders[program.module], program.name)); err != nil {
			todo = append(todo, program)
		}
	}
	return todo
}
