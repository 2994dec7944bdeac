// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Build makes the product's program from the repository at root, as `make build` does, and gives its path in dir.
func Build(ctx context.Context, root, dir string) (string, error) {
	program := filepath.Join(dir, "cozy-install")

	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./cmd/cozy-install")
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0")

	if said, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cozy-install: %w\n%s", err, said)
	}

	return program, nil
}

// PeakMemory is the most memory that a process ever had resident, in bytes (proc(5), VmHWM). An error means that the process
// is gone.
func PeakMemory(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read a process's memory: %w", err)
	}

	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)

			return kibibytes << 10, err
		}
	}

	return 0, errors.New("read a process's memory: its status has no VmHWM") // as that of one that has just ended
}

// EachSize calls for each of some numbers, as "3,50,500" names them, until one fails.
func EachSize(sizes string, do func(int) error) error {
	for text := range strings.SplitSeq(sizes, ",") {
		count, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("number of machines: %w", err)
		}

		if err := do(count); err != nil {
			return fmt.Errorf("%d machines: %w", count, err)
		}
	}

	return nil
}
