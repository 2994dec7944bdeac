// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// reportEvery is the time between two progress lines of one build, so that a silent CI log is not taken for a hung one.
const reportEvery = 30 * time.Second

// GoError is a failed call of the go command.
type GoError struct {
	Args   []string
	Output string // the end of what it printed
	Err    error
}

func (e *GoError) Error() string {
	return fmt.Sprintf("go %s: %v\n%s", strings.Join(e.Args, " "), e.Err, e.Output)
}

func (e *GoError) Unwrap() error { return e.Err }

// Hint says what a person can do about it.
func (e *GoError) Hint() string {
	switch {
	case errors.Is(e.Err, exec.ErrNotFound):
		return "install Go 1.26 or newer and put its bin folder on the PATH"
	case strings.Contains(e.Err.Error(), "signal: killed"), strings.Contains(e.Output, "signal: killed"):
		return "linking needs about 2.2 GB of free memory: free some and run it again, what is compiled is kept"
	}
	return "look at the compiler's lines above; what is compiled already is kept for the next run"
}

// build makes one program under a temporary name and renames it, so that a file with the right name is always whole.
func (cfg Config) build(ctx context.Context, p program, step, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	module := filepath.Join(cfg.Root, toolsDir, p.module)
	temporary := filepath.Join(folder, fmt.Sprintf(".%s.%d", p.name, os.Getpid()))
	defer os.RemoveAll(temporary)
	if p.pkg == "" {
		if err := copyCRDs(ctx, module, p.crds, temporary); err != nil {
			return err
		}
		return os.Rename(temporary, filepath.Join(folder, p.name))
	}
	version := ""
	if p.stamp != "" {
		var err error
		if version, err = goCommand(ctx, module, "list", "-m", "-f", "{{.Version}}", p.stamp); err != nil {
			return err
		}
	}
	stopReport := cfg.reportWhile(step)
	// -trimpath makes the build cache independent of the checkout's path; the version control stamp would link anew with
	// every commit.
	flags := strings.Join(append([]string{linkerFlags(version)}, p.link...), " ")
	_, err := goCommand(ctx, module,
		"build", "-trimpath", "-buildvcs=false", "-tags", strings.Join(p.tags, ","), "-ldflags", flags, "-o", temporary, p.pkg)
	stopReport()
	if err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(folder, p.name))
}

// reportWhile prints a progress line now and then until the returned function is called, which waits for the last one.
func (cfg Config) reportWhile(step string) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	started := time.Now()
	go func() {
		defer close(done)
		ticker := time.NewTicker(reportEvery)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				cfg.Progress(fmt.Sprintf("still building %s, %v so far", step, time.Since(started).Round(time.Second)))
			}
		}
	}()
	return func() { close(quit); <-done }
}

// copyCRDs gathers the manifests out of the module cache, where the controllers' own sources lie.
func copyCRDs(ctx context.Context, module string, from []string, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, name := range from {
		dir, err := goCommand(ctx, module, "list", "-m", "-f", "{{.Dir}}", name)
		if err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(dir, "config", "crd", "bases", "*.yaml"))
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return fmt.Errorf("no CRDs in %s/config/crd/bases of %s", dir, name)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// goCommand runs the go command in a module and returns its trimmed standard output.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	// No cgo: the programs then run on any Linux, and no C compiler is needed. No workspace: each module stands alone.
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", &GoError{Args: args, Output: tail(stderr.String(), 4000), Err: err}
	}
	return strings.TrimSpace(stdout.String()), nil
}

func tail(text string, limit int) string {
	text = strings.TrimSpace(text)
	if len(text) > limit {
		return "..." + text[len(text)-limit:]
	}
	return text
}
