// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	repository = "../.."
	labSite    = repository + "/examples/lab/site.yaml"
	// speed makes the minutes of a server's boot and install seconds here.
	speed = 60
)

// programs are built once for all tests of the package.
var programs = sync.OnceValues(func() (Programs, error) {
	dir, err := os.MkdirTemp("", "cozy-install-bin-")
	if err != nil {
		return Programs{}, err
	}
	return BuildPrograms(context.Background(), repository, dir)
})

// event is a line of `up --progress json`.
type event struct {
	Phase   string `json:"phase"`
	State   string `json:"state"`
	Message string `json:"message"`
	Error   string `json:"error"`
}

// stage is a world, and a work directory for the product.
type stage struct {
	*World
	t        *testing.T
	work     string
	siteFile string
	through  []string // a command and arguments that starts the product's; nil: it is started directly
}

// newStage puts the site of a site file on network namespaces.
func newStage(t *testing.T, siteFile string) *stage {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root; the tests through a relay cover the same line without it")
	}
	return newStageOn(t, Namespaces, siteFile)
}

// newStageOn puts it on a network of the given kind; tests that need no namespaces take Auto.
func newStageOn(t *testing.T, network Network, siteFile string) *stage {
	t.Helper()
	return startStage(t, Config{SiteFile: siteFile, Network: network, Speed: speed})
}

// startStage starts a world with programs, directory and log of its own.
func startStage(t *testing.T, config Config) *stage {
	t.Helper()
	if config.Programs == (Programs{}) {
		built, err := programs()
		require.NoError(t, err)
		config.Programs = built
	}
	dir := t.TempDir()
	logged, err := os.Create(filepath.Join(dir, "world.log"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = logged.Close()
		if t.Failed() {
			text, _ := os.ReadFile(logged.Name())
			t.Logf("what the simulated site did:\n%s", tail(text, 80))
		}
	})
	config.Dir, config.Log = filepath.Join(dir, "world"), slog.New(slog.NewTextHandler(logged, nil))
	w, err := Start(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return &stage{World: w, t: t, work: filepath.Join(dir, "work"), siteFile: w.SiteFile()}
}

func tail(text []byte, lines int) string {
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// up is one run of `cozy-install up` on the bastion.
type up struct {
	cmd    *exec.Cmd
	events chan event // closed when the run ends
	out    bytes.Buffer

	lock sync.Mutex
	text strings.Builder // everything on stderr
	done chan struct{}
	code int
}

func (s *stage) start(args ...string) *up {
	s.t.Helper()
	base := append([]string{"up"}, s.UpArgs()...)
	base = append(base, "-f", s.siteFile, "--work-dir", s.work, "--progress", "json", "-o", "json", "--node-timeout", "2m")
	return s.launch(append(base, args...)...)
}

func (s *stage) command(args ...string) *exec.Cmd {
	all := append(slices.Clone(s.through), s.cfg.Programs.Install)
	all = append(all, args...)
	return exec.Command(all[0], all[1:]...)
}

// launch starts any command of the product on the bastion.
func (s *stage) launch(args ...string) *up {
	s.t.Helper()
	u := &up{cmd: s.command(args...), events: make(chan event, 4096), done: make(chan struct{})}
	u.cmd.Stdout = &u.out
	stderr, err := u.cmd.StderrPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.StartOnBastion(u.cmd))
	go u.read(bufio.NewScanner(stderr))
	s.t.Cleanup(u.kill)
	return u
}

func (u *up) read(lines *bufio.Scanner) {
	defer close(u.done)
	defer close(u.events)
	for lines.Scan() {
		u.lock.Lock()
		fmt.Fprintln(&u.text, lines.Text())
		u.lock.Unlock()
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			u.events <- e
		}
	}
	_ = u.cmd.Wait() // the exit code tells
	u.code = u.cmd.ProcessState.ExitCode()
}

// kill ends the run as a power cut would, and waits for it. It may be called again.
func (u *up) kill() {
	_ = u.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-u.done
}

// wait gives the exit code and everything that was said.
func (u *up) wait(t *testing.T) (code int, said string) {
	t.Helper()
	select {
	case <-u.done:
	case <-time.After(4 * time.Minute):
		u.kill()
		t.Fatalf("up did not end; it said:\n%s", u.text.String())
	}
	u.lock.Lock()
	defer u.lock.Unlock()
	return u.code, u.text.String()
}

// mustUp runs up to its end.
func (s *stage) mustUp(args ...string) string {
	s.t.Helper()
	u := s.start(args...)
	code, said := u.wait(s.t)
	require.Zero(s.t, code, "up said:\n%s", said)
	return u.out.String()
}

// onBastion runs any other command of the product on the bastion.
func (s *stage) onBastion(args ...string) (code int, out, said string) {
	s.t.Helper()
	cmd := s.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(s.t, s.StartOnBastion(cmd))
	_ = cmd.Wait() // the exit code tells
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}
