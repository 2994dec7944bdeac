// SPDX-License-Identifier: Apache-2.0

// Package taloslab runs Talos's own machined and apid as containers in network namespaces, so that the product's Talos
// client and its bring-up meet the real thing, and so that the simulated Talos of lab/fleet can be compared with it.
//
// machined is built unchanged from its Go module. What is around it is the lab's: Debian's runc and iptables, containerd and
// Kubernetes from their modules, an image server that serves them, and answers of its own where a node would change the host (see
// isWithheld). Nothing of Talos's sources is in this repository.
//
// It refuses to know what is asked of the nodes. Still missing: what a container can not show, which is disks, installation,
// reboots, upgrades and hardware; Talos supports none of them in a container.
package taloslab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/cozystack/cozy-install/lab/build"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// Config of a lab.
type Config struct {
	// Root is the repository's. Empty: found from the working directory upwards.
	Root string
	// Talos is the module of Talos's version: build.Talos112 or build.Talos113. Empty: the former.
	Talos string
	// Bastion is the address of this process in the nodes' network.
	Bastion netip.Prefix
	// Log gets what the lab does. Nil: discarded.
	Log *slog.Logger
}

// Lab is a network with the nodes in it. Its methods are not to be called concurrently.
type Lab struct {
	// TalosVersion is the nodes': v1.12.0.
	TalosVersion string

	build    build.Config
	programs build.NodeSet
	dir      string // of this run; removed by Close
	root     string // the nodes' root file system
	userland string // Debian's part of it alone
	nodeinit string
	net      *lan.Netns
	here     *lan.Space
	nodes    []*Node
	limits   limits
	cgroups  string       // what the names of the nodes' cgroups begin with
	alive    *flock.Flock // says to other runs that this one is alive
	server   *http.Server // of images; nil: none
	served   chan error
}

// Open builds what is missing and makes a network around this process, which must be in a network namespace of its own: a
// link called eth1 appears in it. It returns a *MissingError where the machine lacks something.
func Open(ctx context.Context, cfg Config) (*Lab, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Talos == "" {
		cfg.Talos = build.Talos112
	}
	if cfg.Root == "" {
		root, err := build.FindRoot()
		if err != nil {
			return nil, err
		}
		cfg.Root = root
	}
	if err := Need(cfg.Root); err != nil {
		return nil, err
	}
	l := &Lab{}
	if err := l.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, l.Close(ctx))
	}
	return l, nil
}

func (l *Lab) open(ctx context.Context, cfg Config) (err error) {
	l.build = build.Config{Root: cfg.Root, Progress: func(line string) { cfg.Log.Info(line) }}
	l.programs, err = build.Nodes(ctx, l.build, cfg.Talos)
	if err != nil {
		return err
	}
	if err := l.begin(ctx, filepath.Join(cfg.Root, cacheDir)); err != nil {
		return err
	}
	if err := l.makeRoot(ctx, cfg); err != nil {
		return err
	}
	if err := l.limits.raise(); err != nil {
		return err
	}
	if l.here, err = lan.Here(); err != nil {
		return err
	}
	l.net, err = lan.NewNetns(ctx, lan.NetnsConfig{In: l.here, Bastion: cfg.Bastion})
	return err
}

func (l *Lab) makeRoot(ctx context.Context, cfg Config) error {
	l.nodeinit, l.root = filepath.Join(l.dir, "nodeinit"), filepath.Join(l.dir, "root")
	if _, err := goCommand(ctx, cfg.Root, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", l.nodeinit, "./lab/taloslab/nodeinit"); err != nil {
		return err
	}
	module, err := goCommand(ctx, filepath.Join(cfg.Root, "lab", "tools", cfg.Talos),
		"list", "-m", "-f", "{{.Version}} {{.Dir}}", "github.com/siderolabs/talos")
	if err != nil {
		return err
	}
	var sources string
	l.TalosVersion, sources, _ = strings.Cut(module, " ")
	l.userland = filepath.Join(l.dir, "userland")
	debian := filepath.Join(cfg.Root, debianDir)
	if err := linkTree(debian, l.userland); err != nil {
		return err
	}
	return makeRoot(parts{
		debian: debian, programs: l.programs, sources: sources, version: l.TalosVersion, nodeinit: l.nodeinit,
	}, l.root)
}

// goCommand runs the go command without cgo, so that what it builds runs in a node, and returns what it prints.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// Attach plugs a machine into the nodes' network that is none of the lab's, such as a simulated one.
func (l *Lab) Attach(ctx context.Context, name string, mac net.HardwareAddr) (lan.Port, error) {
	return l.net.Attach(ctx, name, mac)
}

// Dir keeps the files of this run: consoles, and the nodes' state. Close removes it.
func (l *Lab) Dir() string { return l.dir }

// Close stops the nodes, takes the network down, puts the host's limits back and removes the run's files. It may be called twice.
func (l *Lab) Close(ctx context.Context) error {
	errs := []error{l.stopServing()}
	for _, node := range l.nodes {
		errs = append(errs, node.Stop(ctx))
	}
	if l.net != nil {
		errs = append(errs, l.net.Close())
	} else if l.here != nil {
		errs = append(errs, l.here.Close())
	}
	errs = append(errs, l.limits.putBack())
	if l.dir != "" {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	if l.alive != nil {
		errs = append(errs, l.alive.Unlock())
	}
	return errors.Join(errs...)
}
