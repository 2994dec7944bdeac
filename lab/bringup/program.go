// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// build makes the product's program from the repository at root, as `make build` does.
func build(ctx context.Context, root, dir string) (string, error) {
	program := filepath.Join(dir, "cozy-install")

	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./cmd/cozy-install")
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0")

	if said, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cozy-install: %w\n%s", err, said)
	}

	return program, nil
}

// samplePause is how often the program's peak memory is read; the kernel keeps the peak, so only its end can be missed.
const samplePause = 100 * time.Millisecond

// bringUp runs the program to its end, and measures it. What it says is written to words too.
func bringUp(ctx context.Context, program string, words io.Writer, args []string) (out report, err error) {
	var said bytes.Buffer

	command := exec.CommandContext(ctx, program, args...)
	hears := io.MultiWriter(&said, words)
	command.Stdout, command.Stderr = hears, hears
	began := time.Now()

	if err := command.Start(); err != nil {
		return report{}, err
	}

	sampled := make(chan int64)
	ended := make(chan struct{})

	go func() { sampled <- peak(command.Process.Pid, ended) }()

	err = command.Wait()
	out.took = time.Since(began)
	close(ended)
	out.memory = <-sampled
	out.cpu = command.ProcessState.UserTime() + command.ProcessState.SystemTime()

	if err != nil {
		return out, fmt.Errorf("cozy-install up: %w\n%s", err, tail(said.String(), 20))
	}

	if out.memory == 0 {
		return out, fmt.Errorf("cozy-install up: its memory could not be read")
	}

	return out, nil
}

// peak is the most memory that a process had resident, in bytes (proc(5), VmHWM), as last read before it ended.
func peak(pid int, ended <-chan struct{}) (bytes int64) {
	ticker := time.NewTicker(samplePause)
	defer ticker.Stop()

	for {
		if now := residentPeak(pid); now > 0 {
			bytes = now
		}

		select {
		case <-ended:
			return bytes
		case <-ticker.C:
		}
	}
}

// residentPeak is zero when the process is gone.
func residentPeak(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}

	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err == nil {
				return kibibytes << 10
			}
		}
	}

	return 0
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")

	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
