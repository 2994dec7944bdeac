// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"
)

// kubernetesPort is where control planes serve the Kubernetes API.
const kubernetesPort = 6443

// retryPause is how long a kubelet waits before it registers again, in real time: the API it talks to is real.
const retryPause = 500 * time.Millisecond

// Kubernetes is the cluster that the simulated nodes appear in.
type Kubernetes interface {
	// Kubeconfig gives an administrator's kubeconfig for this server URL.
	Kubeconfig(server string) ([]byte, error)
	// RegisterNode enters a node, or says that it is back; from then on it is alive.
	RegisterNode(ctx context.Context, node KubernetesNode) error
	// SetDown ends a node's heartbeat.
	SetDown(ctx context.Context, name string) error
	// Dial connects to the API server; the connection is spliced to a client's.
	Dial(ctx context.Context) (net.Conn, error)
}

// KubernetesNode is what a kubelet says of itself.
type KubernetesNode struct {
	Name           string
	ControlPlane   bool
	Schedulable    bool // false: a control plane that wants no ordinary pods
	InternalIP     netip.Addr
	Labels         map[string]string // machine.nodeLabels
	TalosVersion   string
	KubeletVersion string // v1.34.4
}

// runKubelet registers the node when its cluster's API answers, and ends its heartbeat with the boot.
func (c *configured) runKubelet(ctx context.Context) error {
	if err := c.setService(ctx, serviceKubelet, statePreparing, "Running pre state"); err != nil {
		return err
	}

	if err := c.Peers.wait(ctx, func() bool { return c.Peers.kubernetesAnswers(c.self) }); err != nil {
		return err
	}

	if err := c.Clock.Wait(ctx, c.Timing.Kubelet); err != nil {
		return err
	}

	if c.Kubernetes != nil {
		if err := c.register(ctx); err != nil {
			return err
		}
		defer c.deregister(ctx)
	}

	if err := c.setService(ctx, serviceKubelet, stateRunning, "Health check successful"); err != nil {
		return err
	}

	if err := c.setStage(ctx, StageRunning); err != nil {
		return err
	}

	<-ctx.Done()

	return context.Cause(ctx)
}

func (c *configured) register(ctx context.Context) error {
	labels := map[string]string{}
	maps.Copy(labels, c.provider.Machine().NodeLabels())

	node := KubernetesNode{
		Name: c.name, ControlPlane: c.self.controlPlane, InternalIP: c.NodeAddress(c.addresses[0]), Labels: labels,
		Schedulable:  !c.self.controlPlane || c.provider.Cluster().ScheduleOnControlPlanes(),
		TalosVersion: c.version(), KubeletVersion: imageTag(c.now().Machine().Kubelet().Image()),
	}

	for {
		err := c.Kubernetes.RegisterNode(ctx, node)
		if err == nil {
			c.report("node", map[string]string{"name": node.Name, "address": node.InternalIP.String()})

			return nil
		}

		c.Log.Warn("simulated kubelet cannot register its node", "node", c.name, "error", err)

		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *configured) deregister(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()

	if err := c.Kubernetes.SetDown(ctx, c.name); err != nil {
		c.Log.Warn("simulated kubelet cannot be stopped", "node", c.name, "error", err)
	}
}

// runControlPlane serves the Kubernetes API on the node's addresses, and on the virtual ones that it holds.
func (c *configured) runControlPlane(ctx context.Context) error {
	if err := c.Clock.Wait(ctx, c.Timing.Kubernetes); err != nil {
		return err
	}

	if err := c.publishControlPlane(ctx); err != nil {
		return err
	}

	var proxies sync.WaitGroup
	defer proxies.Wait()

	for _, address := range c.addresses {
		if err := c.serveKubernetes(ctx, &proxies, address); err != nil {
			return err
		}
	}

	c.report("control-plane", map[string]string{"name": c.name})
	c.Peers.update(func() { c.self.kubernetes = true })
	defer c.Peers.update(func() { c.self.kubernetes = false })

	for _, vip := range c.vips {
		proxies.Go(func() { c.holdVIP(ctx, &proxies, vip) })
	}

	<-ctx.Done()

	return context.Cause(ctx)
}

// holdVIP waits for its turn and then answers on the address until the node stops.
func (c *configured) holdVIP(ctx context.Context, proxies *sync.WaitGroup, vip netip.Addr) {
	if c.Peers.holdVIP(ctx, c.self, vip) != nil {
		return // the context ended
	}

	prefix := netip.PrefixFrom(vip, vip.BitLen())

	err := errors.Join(
		c.Wire.Assign(prefix), c.listen(ctx, c.server, vip), c.serveKubernetes(ctx, proxies, vip), c.Wire.Announce(vip),
	)
	if err != nil {
		c.Log.Warn("simulated virtual address", "node", c.name, "address", vip.String(), "error", err)
	}

	c.report("vip", map[string]string{"address": vip.String()})
	<-ctx.Done()

	_ = c.Wire.Release(prefix) // the port may be gone with the machine's power
}

// serveKubernetes splices connections on one address to the real API server until the context ends.
func (c *configured) serveKubernetes(ctx context.Context, proxies *sync.WaitGroup, address netip.Addr) error {
	if c.Kubernetes == nil {
		return nil
	}

	listener, err := c.Wire.Listen(ctx, netip.AddrPortFrom(address, kubernetesPort))
	if err != nil {
		return err
	}

	context.AfterFunc(ctx, func() { _ = listener.Close() })

	proxies.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}

			proxies.Go(func() { c.splice(ctx, client) })
		}
	})

	return nil
}

func (c *configured) splice(ctx context.Context, client net.Conn) {
	defer client.Close()

	server, err := c.Kubernetes.Dial(ctx)
	if err != nil {
		c.Log.Warn("simulated control plane cannot reach Kubernetes", "node", c.name, "error", err)

		return
	}
	defer server.Close()

	// The power cut closes both; so does the end of either direction, which TLS cannot use half-open anyway.
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()

	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // a broken connection ends the splice, whatever broke it
		done <- struct{}{}
	}

	go pipe(server, client)
	go pipe(client, server)
	<-done

	_, _ = client.Close(), server.Close()
	<-done
}
