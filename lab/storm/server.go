// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
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

// server is the running program under test.
type server struct {
	command *exec.Cmd
	said    bytes.Buffer // its stderr
	ended   chan struct{}
	err     error // set when ended is closed
}

// serve starts the program in dir, where the site file is, and waits until it answers.
func serve(ctx context.Context, program, dir string, ports lan.Ports, web uint16) (*server, error) {
	s := &server{ended: make(chan struct{})}
	// It ends by a signal, never by ctx: its memory is read before that.
	//nolint:noctx // see above
	s.command = exec.Command(program, "pxe", "serve", "-f", filepath.Join(dir, "site.yaml"), "--ipxe-dir", filepath.Join(dir, "ipxe"),
		fmt.Sprintf("--netboot-ports=dhcp=%d,proxy=%d,tftp=%d,http=%d", ports.DHCP, ports.Proxy, ports.TFTP, web))
	s.command.Stdout, s.command.Stderr = &s.said, &s.said

	if err := s.command.Start(); err != nil {
		return nil, err
	}

	go func() {
		s.err = s.command.Wait()
		close(s.ended)
	}()

	if err := s.answers(ctx, netip.AddrPortFrom(serverAddress(), web)); err != nil {
		return nil, errors.Join(err, s.stop())
	}

	return s, nil
}

func (s *server) answers(ctx context.Context, at netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+"/healthz", nil)
		if err != nil {
			return err
		}

		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}

		select {
		case <-s.ended:
			return errors.New("the server ended before the storm")
		default:
		}

		if waited := (clock.Clock{}).Wait(ctx, 50*time.Millisecond); waited != nil {
			return fmt.Errorf("wait for the server: %w: %w", waited, err)
		}
	}
}

// peakMemory is the most memory that the program ever had resident, in bytes (proc(5), VmHWM).
func (s *server) peakMemory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the server's memory: %w", err)
	}

	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)

			return kibibytes << 10, err
		}
	}

	return 0, errors.New("the server's /proc status has no VmHWM")
}

// cpu is what the program has used of the processors; it is known after stop.
func (s *server) cpu() time.Duration {
	state := s.command.ProcessState

	return state.UserTime() + state.SystemTime()
}

// stop ends the program as an operator does, and returns what it said if it does not end well.
func (s *server) stop() error {
	_ = s.command.Process.Signal(syscall.SIGINT) // it may have ended

	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the server does not end"), s.command.Process.Kill())
	}

	var exit *exec.ExitError
	if errors.As(s.err, &exit) && !exit.Success() && exit.ExitCode() != interrupted {
		return fmt.Errorf("server: %w\n%s", s.err, s.said.String())
	}

	return nil
}

// interrupted is the exit code after an interrupt (128 + SIGINT).
const interrupted = 130
