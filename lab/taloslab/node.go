// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
	"github.com/cozystack/cozy-install/lab/taloslab/container"
	"github.com/cozystack/cozy-install/talos"
)

// Node is one running Talos.
type Node struct {
	Name    string
	Address netip.Prefix
	MAC     net.HardwareAddr
	// Log is the file with machined's console.
	Log string

	state   string // folder of everything it keeps
	port    lan.Port
	cgroups []container.Cgroup
	process *os.Process
	exited  chan struct{} // closed when the last process of the node is gone
	answers chan error    // of answerQuestions; has room for one
}

// Addr is where the node's Talos API listens.
func (n *Node) Addr() netip.AddrPort { return netip.AddrPortFrom(n.Address.Addr(), talos.Port) }

// Start starts a node that has never had a config: it will wait for one in maintenance mode. It has its address from the
// start, as a container has, since Talos asks for none by DHCP there.
func (l *Lab) Start(ctx context.Context, name string, mac net.HardwareAddr, address netip.Prefix) (*Node, error) {
	n := &Node{Name: name, Address: address, MAC: mac, Log: filepath.Join(l.dir, name+".log"), state: filepath.Join(l.dir, name)}
	l.nodes = append(l.nodes, n)
	return n, l.StartAgain(ctx, n)
}

// StartAgain starts a node that was stopped, with everything that it had kept.
func (l *Lab) StartAgain(ctx context.Context, n *Node) error {
	n.exited, n.answers = make(chan struct{}), make(chan error, 1)
	if err := n.start(ctx, l); err != nil {
		return fmt.Errorf("start node %s: %w", n.Name, errors.Join(err, n.Stop(ctx)))
	}
	return nil
}

func (n *Node) start(ctx context.Context, l *Lab) (err error) {
	if n.port, err = l.net.Attach(ctx, n.Name, n.MAC); err != nil {
		return err
	}
	if err := n.port.Assign(n.Address); err != nil {
		return err
	}
	if n.cgroups, err = container.MakeCgroups(l.cgroups + n.Name); err != nil {
		return err
	}
	spec := container.Spec{
		Hostname: n.Name, Network: n.port.(interface{ Path() string }).Path(), Card: "net0",
		Root: l.root, State: n.state, Cgroups: n.cgroups,
		Files: map[string]string{
			"/etc/hostname": n.Name + "\n", "/etc/hosts": "127.0.0.1 localhost\n", "/etc/resolv.conf": "", "/etc/machine-id": "",
		},
	}
	if err := os.MkdirAll(n.state, 0o755); err != nil {
		return err
	}
	file := filepath.Join(l.dir, n.Name+".json")
	if err := container.WriteSpec(file, spec); err != nil {
		return err
	}
	return n.launch(l.nodeinit, file)
}

// WriteVolume writes a file into one of the node's volumes, such as etc/cni, as if something on the node had.
func (n *Node) WriteVolume(volume, name string, data []byte) error {
	return writeNew(filepath.Join(container.VolumeDir(n.state, "/"+volume), name), data)
}

// launch starts the node's first process and takes over the questions it asks.
func (n *Node) launch(nodeinit, spec string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	log, err := os.OpenFile(n.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return errors.Join(err, theirs.Close())
	}
	defer log.Close()
	cmd := exec.Command(nodeinit, spec) //nolint:noctx // Stop ends it
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Setsid:     true, Pdeathsig: syscall.SIGKILL,
	}
	err = n.run(cmd)
	if err := errors.Join(err, theirs.Close()); err != nil {
		return err
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	defer conn.Close()
	listener, err := receiveListener(conn.(*net.UnixConn))
	if err != nil {
		return fmt.Errorf("%w; its console: %s", err, tail(n.Log))
	}
	go func() { n.answers <- answerQuestions(listener) }()
	return nil
}

// run starts the process from a thread that lives as long as it: the death signal comes when that thread ends.
func (n *Node) run(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		n.process = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // how a killed process ended is no news
			close(n.exited)
		}
	}()
	return <-started
}

// Stop kills the node as a power cut does and removes what it had on the host. Its state stays in the lab's folder. It may be
// called twice.
func (n *Node) Stop(ctx context.Context) error {
	var errs []error
	if n.process != nil {
		// Its first process: the kernel kills all others with it.
		if err := n.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, err)
		}
		<-n.exited
		n.process = nil
		select {
		case err := <-n.answers:
			errs = append(errs, err)
		case <-time.After(stopTimeout):
			errs = append(errs, fmt.Errorf("the questions of node %s did not end with it", n.Name))
		}
	}
	errs = append(errs, removeCgroups(ctx, n.Name, n.cgroups))
	if n.port != nil {
		errs = append(errs, n.port.Close())
	}
	return errors.Join(errs...)
}

// removeCgroups waits until the processes in them are gone, which are dead already. It does so also when ctx has ended.
func removeCgroups(ctx context.Context, of string, groups []container.Cgroup) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return wait.Until(ctx, wait.Check{
		Title: "the cgroups of " + of + " to be empty", Interval: 50 * time.Millisecond, ProbeTimeout: stopTimeout,
		Probe: func(context.Context) error { return container.RemoveCgroups(groups) },
	})
}

// stopTimeout bounds the end of a node whose processes are dead already.
const stopTimeout = 20 * time.Second

// tail is the end of a text file, for errors.
func tail(path string) string {
	const limit = 2000
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-limit):])
}
