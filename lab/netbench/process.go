// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one server under test.
type process struct {
	name string
	cmd  *exec.Cmd
	log  bytes.Buffer
	done chan struct{} // closed when it ended
	// hidesCPU is true when its work is done by processes that it does not wait for.
	hidesCPU bool
}

// starter starts a command, in a network namespace or here.
type starter func(*exec.Cmd) error

func here(cmd *exec.Cmd) error { return cmd.Start() }

// start runs a server until stop. What it writes is kept for the error that says that it ended.
func start(ctx context.Context, name string, in starter, program string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.CommandContext(ctx, program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nobody serves on when this program is killed
	if err := in(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // what it says is in the log
	}()
	return p, nil
}

// lives returns an error when the server has ended: whoever answers then is not the one under test.
func (p *process) lives() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended: %s: it said: %s", p.name, p.cmd.ProcessState, p.log.String())
	default:
		return nil
	}
}

// stop ends the server and waits for it.
func (p *process) stop() error {
	if err := p.lives(); err != nil {
		return err
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w: it said: %s", p.name, err, p.log.String())
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		return errors.Join(fmt.Errorf("stop %s: it does not end", p.name), p.cmd.Process.Kill())
	}
}

// cpu is what the server has used, with the children that live or that it waited for. 0 when that can't be known:
// tftpd-hpa does not wait for those that do its work.
func (p *process) cpu() time.Duration {
	if p.hidesCPU {
		return 0
	}
	pid := strconv.Itoa(p.cmd.Process.Pid)
	total := cpuOf(pid)
	children, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	if err != nil {
		return total
	}
	for _, child := range strings.Fields(string(children)) {
		total += cpuOf(child)
	}
	return total
}

func cpuOf(pid string) time.Duration {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	// The second field is a name in parentheses, which may hold spaces; the times are fields 14 to 17 (proc(5)).
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0
	}
	var ticks int64
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / ticksPerSecond)
}

// ticksPerSecond is USER_HZ: 100 on every Linux that Go runs on.
const ticksPerSecond = 100

func stopAll(servers []*process) error {
	var errs []error
	for _, p := range servers {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}
