// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/pxe"
	"github.com/cozystack/cozy-install/talos"
)

// netbootMachines serves netboot until every machine answers the Talos API. The server goes on serving until the run ends,
// since machines whose firmware asks the network first ask again at each reboot.
func (b *bringup) netbootMachines() phase.Phase {
	return phase.Phase{
		ID: "netboot", Title: "bring the machines into maintenance mode",
		Done: b.allOurs,
		Plan: func(context.Context) ([]string, error) {
			if b.site.Netboot.Mode == site.ModeOff {
				return []string{"netboot is off: wait for machines that somebody else starts"}, nil
			}
			return []string{
				fmt.Sprintf("serve DHCP (%s), TFTP and HTTP on %s", b.site.Netboot.Mode, strings.Join(b.site.Netboot.On(), ", ")),
				fmt.Sprintf("wait for %d machines in maintenance mode", len(b.nodes())),
			}, nil
		},
		Run: func(ctx context.Context, say phase.Say) error {
			if _, err := b.credentials(); err != nil {
				return err // before anything is served
			}
			if err := b.listenToConsoles(ctx, say); err != nil {
				return err
			}
			if err := b.startNetboot(ctx, say); err != nil {
				return err
			}
			if err := b.powerOn(ctx, say); err != nil {
				return err
			}
			machines := b.watch("have not appeared", talos.Maintenance, talos.Ours)
			return b.awaitMost(ctx, say, "the machines to appear", 0, func(ctx context.Context) error {
				if err := b.netboot.failed(); err != nil {
					return wait.Final(err)
				}
				return machines.assert(ctx)
			})
		},
	}
}

func (b *bringup) startNetboot(ctx context.Context, say phase.Say) error {
	if b.site.Netboot.Mode == site.ModeOff || b.netboot != nil {
		return nil
	}
	server, err := b.netbootServer(ctx, func(line string) { say("%s", line) })
	if err != nil {
		return err
	}
	b.netboot = serve(ctx, server)
	select {
	case <-server.Ready():
		return nil
	case <-b.netboot.ended:
		return b.netboot.failed()
	}
}

// netbootServer assembles the netboot server with its boot assets, fetching those that are missing, and with what earlier
// runs know of the nodes.
func (b *bringup) netbootServer(ctx context.Context, say func(string)) (*pxe.Server, error) {
	if mode := b.site.Netboot.Mode; mode == site.ModeOff {
		return nil, &NetbootModeError{Mode: mode} // before an image of some hundred megabytes is fetched
	}
	boot, err := b.bootAssets(ctx, say)
	if err != nil {
		return nil, err
	}
	config, err := b.netbootConfig(boot, say)
	if err != nil {
		return nil, err
	}
	config.Notify = func(n pxe.Notice) { say(n.Text) }
	config.Keep = func(r pxe.Record) error { return b.keepNetboot(context.WithoutCancel(ctx), r) }
	server, err := pxe.New(config)
	if err != nil {
		return nil, err
	}
	journal, err := b.dir.Journal()
	if err != nil {
		return nil, err
	}
	for name := range journal.Applied {
		server.BootFromDisk(name)
	}
	for name := range journal.Installed {
		server.Installed(name)
	}
	return server, nil
}

// ServeNetboot runs the netboot server of a site until the context ends, and nothing else.
func ServeNetboot(ctx context.Context, o Options, say func(string)) (err error) {
	dir, err := workdir.Open(o.WorkDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	b, err := newBringup(o, dir)
	if err != nil {
		return err
	}
	server, err := b.netbootServer(ctx, say)
	if err != nil {
		return err
	}
	running := serve(ctx, server)
	select {
	case <-server.Ready():
		say(fmt.Sprintf("serving DHCP (%s), TFTP and HTTP on %s", b.site.Netboot.Mode, strings.Join(b.site.Netboot.On(), ", ")))
	case <-running.ended:
	}
	<-running.ended
	return running.failed()
}

// netboot is a running netboot server and how to end it.
type netboot struct {
	server *pxe.Server
	cancel context.CancelFunc
	ended  chan struct{}

	lock sync.Mutex
	err  error
}

// serve runs a server in the background until stop. It outlives the phase that started it, not the run: the context is
// the run's own.
func serve(ctx context.Context, server *pxe.Server) *netboot {
	ctx, cancel := context.WithCancel(ctx)
	n := &netboot{server: server, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(n.ended)
		err := server.Run(ctx)
		n.lock.Lock()
		defer n.lock.Unlock()
		if !errors.Is(err, context.Canceled) {
			n.err = err
		}
	}()
	return n
}

func (n *netboot) stop() error {
	n.cancel()
	<-n.ended
	return n.failed()
}

// failed is the error with which the server ended; nil while it runs and after a clean end. A nil receiver serves nothing.
func (n *netboot) failed() error {
	if n == nil {
		return nil
	}
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.err
}

// bootFromDisk lets a node that has its config boot from its disk when it netboots next. A nil receiver serves nobody.
func (n *netboot) bootFromDisk(node string) {
	if n != nil {
		n.server.BootFromDisk(node)
	}
}

// installed lets a node boot from its disk until a reinstall is asked for. A nil receiver serves nobody.
func (n *netboot) installed(node string) {
	if n != nil {
		n.server.Installed(node)
	}
}

// lastAddrs are the addresses from which a node last asked for something. A nil receiver has seen nobody.
func (n *netboot) lastAddrs(node string) []netip.Addr {
	if n == nil {
		return nil
	}
	return n.server.LastAddrs(node)
}
