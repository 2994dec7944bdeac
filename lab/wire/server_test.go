// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/pxe"
)

// patience is how long anything is waited for: the machine may be busy with other tests.
const patience = 90 * time.Second

// server is a running `cozy-install pxe serve`.
type server struct {
	command *exec.Cmd
	ended   chan struct{}

	mu   sync.Mutex
	said bytes.Buffer // its stderr
}

// Write is part of io.Writer.
func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.said.Write(p)
}

func (s *server) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.said.String()
}

func (s *server) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// start starts the server on the bastion and returns without waiting for it.
func (s *site) start(flags ...string) *server {
	s.t.Helper()

	program, err := shared.program()
	require.NoError(s.t, err)

	args := append([]string{
		"pxe", "serve", "-f", s.path("site.yaml"), "--ipxe-dir", s.path("ipxe"), "--assets-dir", s.path("assets"),
	}, flags...)
	started := &server{command: exec.Command(program, args...), ended: make(chan struct{})}
	started.command.Stderr = started
	started.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, s.network.Bastion.Start(started.command))

	go func() {
		_ = started.command.Wait() // its exit code is looked at by who waits for the end
		close(started.ended)
	}()
	s.t.Cleanup(func() {
		if !started.hasEnded() {
			s.kill(started)
		}

		if s.t.Failed() {
			s.t.Logf("the server said:\n%s", started.text())
		}
	})

	return started
}

// serve starts the server and waits until it serves.
func (s *site) serve(flags ...string) {
	s.t.Helper()

	s.server = s.start(flags...)
	require.Eventually(s.t, func() bool {
		return s.server.hasEnded() || strings.Contains(s.server.text(), "serving DHCP")
	}, patience, 20*time.Millisecond)
	require.False(s.t, s.server.hasEnded(), "%s", s.server.text())
}

// kill ends a server without a warning.
func (s *site) kill(server *server) {
	s.t.Helper()
	require.NoError(s.t, server.command.Process.Kill())
	<-server.ended
}

// interrupt ends the server as an operator does.
func (s *site) interrupt() {
	s.t.Helper()
	require.NoError(s.t, s.server.command.Process.Signal(syscall.SIGINT))
	<-s.server.ended
}

// said is what a command of the program answers with.
type said struct {
	out, err string
	code     int
}

// command runs a command of the program on the site.
func (s *site) command(args ...string) said {
	s.t.Helper()

	program, err := shared.program()
	require.NoError(s.t, err)

	var out, errs bytes.Buffer

	command := exec.CommandContext(s.t.Context(), program, append(args, "-f", s.path("site.yaml"))...)
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()

	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(s.t, err)
	}

	return said{out: out.String(), err: errs.String(), code: command.ProcessState.ExitCode()}
}

// status is what `pxe status` says in JSON.
func (s *site) status() (status bootstrap.NetbootStatus) {
	s.t.Helper()

	answer := s.command("pxe", "status", "-o", "json")
	require.Zero(s.t, answer.code, "%s", answer.err)
	require.NoError(s.t, json.Unmarshal([]byte(answer.out), &status))

	return status
}

// explain is what `pxe explain` says in words, once it says something: the server writes down what it saw each second.
func (s *site) explain(name, something string) string {
	s.t.Helper()

	var answer said
	require.Eventually(s.t, func() bool {
		answer = s.command("pxe", "explain", name)

		return answer.code == 0 && strings.Contains(answer.out, something)
	}, patience, 200*time.Millisecond, "explain %s: want %q", name, something)

	return answer.out
}

// notice waits for a notice of a kind about a subject.
func (s *site) notice(kind pxe.NoticeKind, subject string) (found pxe.Notice) {
	s.t.Helper()

	require.Eventually(s.t, func() bool {
		for _, found = range s.status().Notices {
			if found.Kind == kind && found.Subject == subject {
				return true
			}
		}

		return false
	}, patience, 200*time.Millisecond, "a notice %s of %s", kind, subject)

	return found
}
