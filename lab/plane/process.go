// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to end after SIGTERM. labplane needs up to 8 s.
const stopGrace = 12 * time.Second

// launcher starts all processes of a plane from one operating system thread, which lives as long as the plane does:
// the kernel sends a child's death signal when the thread that started it ends, not when the process does, and Go ends
// threads of its own accord (those in which a goroutine entered a network namespace, for one).
type launcher struct {
	requests chan launchRequest
	ended    chan struct{}
}

type launchRequest struct {
	cmd    *exec.Cmd
	answer chan error
}

func newLauncher() *launcher {
	l := &launcher{requests: make(chan launchRequest), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for request := range l.requests {
			request.answer <- request.cmd.Start()
		}
	}()
	return l
}

func (l *launcher) start(cmd *exec.Cmd) error {
	// A group of its own: Ctrl-C in the terminal is for the parent, which stops its children in order. The death signal
	// is for a parent that was killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	answer := make(chan error, 1)
	l.requests <- launchRequest{cmd, answer}
	return <-answer
}

// close may be called once, after the last start.
func (l *launcher) close() {
	close(l.requests)
	<-l.ended
}

// command is not bound to a context: processes are stopped in order, and not killed while others still need them.
func command(program string, args ...string) *exec.Cmd {
	return &exec.Cmd{Path: program, Args: append([]string{program}, args...)}
}

// listenLoopback takes the port of an address, a free one if that is 0.
func listenLoopback(ctx context.Context, address string) (*net.TCPListener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("take a port: %w", err)
	}
	return listener.(*net.TCPListener), nil
}

// FreeAddress finds a free loopback port for a process that cannot inherit a socket. Another process may take it before; the
// kernel hands out ports at random, so that is rare.
func FreeAddress(ctx context.Context) (string, error) {
	listener, err := listenLoopback(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// process is a running child.
type process struct {
	name    string
	cmd     *exec.Cmd
	logPath string
	leaving atomic.Bool   // it is to end: its end is no failure of the plane
	exited  chan struct{} // closed when the process is gone
	err     error         // of Wait; valid after exited
}

// startProcess starts cmd with its output appended to the log file of that name, unless cmd has outputs already.
func (p *Plane) startProcess(name string, cmd *exec.Cmd) (*process, error) {
	logPath := filepath.Join(p.cfg.Dir, "log", name+".log")
	if err := os.MkdirAll(filepath.Dir(logPath), 0o700); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close() // the child has its own descriptor
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	if cmd.Stderr == nil {
		cmd.Stderr = log
	}
	if err := p.launcher.start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	proc := &process{name: name, cmd: cmd, logPath: logPath, exited: make(chan struct{})}
	go func() {
		proc.err = cmd.Wait()
		close(proc.exited)
	}()
	return proc, nil
}

// startComponent starts a process without which the plane is of no use: when it ends, Done is closed. It takes the place of
// one of the same name that has ended.
func (p *Plane) startComponent(name string, cmd *exec.Cmd) (*process, error) {
	proc, err := p.startProcess(name, cmd)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if i := slices.IndexFunc(p.processes, func(former *process) bool { return former.name == name }); i >= 0 {
		p.processes[i] = proc
	} else {
		p.processes = append(p.processes, proc)
	}
	p.mu.Unlock()
	p.log.Debug("started", "process", name, "pid", cmd.Process.Pid)
	go func() {
		<-proc.exited
		p.mu.Lock()
		stopping := p.stopping
		p.mu.Unlock()
		if !stopping && !proc.leaving.Load() {
			p.finish(proc.failure())
		}
	}()
	return proc, nil
}

// failure describes a process that has ended by itself.
func (proc *process) failure() error {
	return fmt.Errorf("%s ended by itself: %v; the end of %s:\n%s", proc.name, proc.cmd.ProcessState, proc.logPath, logTail(proc.logPath, 2000))
}

// stop asks the process to end and kills it, with what it has started, when it does not. It returns when the process is gone.
func (proc *process) stop(grace time.Duration) error {
	select {
	case <-proc.exited:
		return nil
	default:
	}
	if err := proc.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", proc.name, err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-proc.exited:
		return nil
	case <-timer.C:
	}
	_ = syscall.Kill(-proc.cmd.Process.Pid, syscall.SIGKILL) // the group has the leader's id; it may be gone by now
	<-proc.exited
	return fmt.Errorf("%s had to be killed: it did not end within %v of SIGTERM", proc.name, grace)
}

// stopProcesses stops the control plane last and everything else before it, at once.
func (p *Plane) stopProcesses() error {
	p.mu.Lock()
	processes := slices.Clone(p.processes)
	p.mu.Unlock()
	if len(processes) == 0 {
		return nil
	}
	errs := make([]error, len(processes))
	var group sync.WaitGroup
	for i, proc := range processes[1:] {
		group.Go(func() { errs[i+1] = proc.stop(stopGrace) })
	}
	group.Wait()
	errs[0] = processes[0].stop(stopGrace)
	return errors.Join(errs...)
}

// Process is one of the plane's own processes.
type Process struct {
	Name string
	PID  int
}

// Processes lists the plane's own processes in the order of their start, also after they have ended. The programs of
// pods are not among them.
func (p *Plane) Processes() []Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Process, 0, len(p.processes))
	for _, proc := range p.processes {
		list = append(list, Process{proc.name, proc.cmd.Process.Pid})
	}
	return list
}

// logTail returns the last whole lines of a file, at most limit bytes, or why it can't be read.
func logTail(path string, limit int64) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, size-limit), io.SeekStart)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil {
		return err.Error()
	}
	if _, rest, found := bytes.Cut(data, []byte("\n")); found && int64(len(data)) == limit {
		data = rest
	}
	return string(bytes.TrimSpace(data))
}
