// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// process is a program in one of the network's namespaces, with its output on a console.
type process struct {
	*Console

	cmd   *exec.Cmd
	ended chan struct{} // closed when it has been waited for
	err   error         // valid when ended is closed
}

// startIn starts a program. It dies with this process, however that ends.
func startIn(space *lan.Space, cmd *exec.Cmd) (*process, error) {
	p := &process{Console: newConsole(), cmd: cmd, ended: make(chan struct{})}
	keys, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.keys = keys
	cmd.Stdout, cmd.Stderr = p.Console, p.Console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := space.Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		p.end(fmt.Errorf("%s ended: %s", cmd.Path, cmd.ProcessState))
		close(p.ended)
	}()
	return p, nil
}

// stop asks the program to end, kills it when it does not within patience, and waits for it. Zero patience kills at once.
func (p *process) stop(patience time.Duration) error {
	if patience > 0 {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-p.ended:
			return nil
		case <-time.After(patience):
		}
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	if patience > 0 {
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.cmd.Path, patience)
	}
	return nil
}
