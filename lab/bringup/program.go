// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/lab/frame"
)

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
		if now, err := frame.PeakMemory(pid); err == nil {
			bytes = now
		}

		select {
		case <-ended:
			return bytes
		case <-ticker.C:
		}
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")

	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
