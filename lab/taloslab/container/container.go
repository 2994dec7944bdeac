// SPDX-License-Identifier: Apache-2.0

// Package container turns the process it runs in into the first process of a Talos node: it takes its place in the
// cgroups and the network, mounts what a Talos container finds, and becomes machined.
//
// It is what `docker run --privileged` does for Talos's own test clusters, without a container runtime. It runs in the program
// lab/taloslab/nodeinit, which is started with its own mount, PID, UTS and IPC namespaces. It refuses to know the lab: all
// it is told is a [Spec].
//
// Still missing: hosts whose only cgroups are those of version 2 were not tried.
package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Spec is everything that one start of a node needs. All paths are absolute, in the file system of whoever starts it.
type Spec struct {
	Hostname string
	// Network names the node's network namespace: a path that setns accepts.
	Network string
	// Card is a second name for the node's one link, which machine configs may call it by: Talos gives such names to physical
	// links only, and a container has none.
	Card string
	// Root is the read-only root file system, which nodes share.
	Root string
	// State keeps what outlives the process: the layer above Root, and one folder for each volume.
	State string
	// Cgroups are the node's own place in each hierarchy, which exist already.
	Cgroups []Cgroup
	// Files are put over those of the root file system: path in the node -> text.
	Files map[string]string
}

// ListenerFD is the descriptor of the Unix socket over which [Enter] hands the seccomp listener to its parent.
const ListenerFD = 3

// WriteSpec writes the file that nodeinit reads.
func WriteSpec(path string, spec Spec) error {
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// Enter becomes the node that the file describes. It returns only when that fails.
func Enter(specFile string) error {
	data, err := os.ReadFile(specFile)
	if err != nil {
		return err
	}
	var spec Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		return fmt.Errorf("read %s: %w", specFile, err)
	}
	// Namespaces and the seccomp filter are a thread's, and it is this thread that becomes machined.
	runtime.LockOSThread()
	for _, step := range []struct {
		what string
		do   func(Spec) error
	}{
		{"join the network", joinNetwork},
		{"name the card", nameCard},
		{"join the cgroups", joinCgroups},
		{"mount the node's files", mountAll},
		{"name the host", func(spec Spec) error { return unix.Sethostname([]byte(spec.Hostname)) }},
		{"hand over the system calls to answer", func(Spec) error { return handOverListener(ListenerFD) }},
	} {
		if err := step.do(spec); err != nil {
			return fmt.Errorf("start node %s: %s: %w", spec.Hostname, step.what, err)
		}
	}
	// PLATFORM and a missing USERDATA mean: a container that waits for its config in maintenance mode.
	environment := []string{"PLATFORM=container", "TERM=linux", "PATH=/usr/bin:/usr/sbin:/usr/local/bin"}
	return fmt.Errorf("start machined: %w", unix.Exec("/sbin/init", []string{"/sbin/init"}, environment))
}

func joinNetwork(spec Spec) (err error) {
	fd, err := unix.Open(spec.Network, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", spec.Network, err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	return unix.Setns(fd, unix.CLONE_NEWNET)
}

// nameCard acts on the only link beside the loopback.
func nameCard(spec Spec) error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, link := range links {
		if link.Attrs().Flags&net.FlagLoopback == 0 && !slices.Contains(link.Attrs().AltNames, spec.Card) {
			return netlink.LinkAddAltName(link, spec.Card)
		}
	}
	return nil
}

// joinCgroups moves the process and then makes where it is the root of what it sees.
func joinCgroups(spec Spec) error {
	for _, group := range spec.Cgroups {
		if err := os.WriteFile(filepath.Join(group.Dir, "cgroup.procs"), []byte("0"), 0o600); err != nil {
			return err
		}
	}
	return unix.Unshare(unix.CLONE_NEWCGROUP)
}
