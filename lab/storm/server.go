// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os/exec"
	"syscall"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/clock"
	"github.com/cozystack/cozy-install/lab/frame"
)

// server is the running program under test.
type server struct {
	command *exec.Cmd
	said    bytes.Buffer // its stderr
	ended   chan struct{}
	err     error // set when ended is closed
}

// serve starts the program on a site and waits until it answers.
func serve(ctx context.Context, program string, site *frame.Site) (*server, error) {
	s := &server{ended: make(chan struct{})}
	// It ends by a signal, never by ctx: its memory is read before that.
	s.command = exec.Command(program, append([]string{"pxe", "serve"}, site.Flags()...)...) //nolint:noctx // see above
	s.command.Stdout, s.command.Stderr = &s.said, &s.said

	if err := s.command.Start(); err != nil {
		return nil, err
	}

	go func() {
		s.err = s.command.Wait()
		close(s.ended)
	}()

	if err := s.answers(ctx, netip.AddrPortFrom(site.ServerAddress(), site.Web)); err != nil {
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
