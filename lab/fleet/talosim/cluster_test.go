// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

// wantMembers waits until a machine's own etcd lists exactly these.
func (m *testMachine) wantMembers(want ...string) {
	m.lab.Helper()
	m.lab.eventually("etcd members", func() error {
		got, err := m.members()
		if err != nil {
			return err
		}

		slices.Sort(got)

		if !slices.Equal(got, want) {
			return fmt.Errorf("%v, want %v", got, want)
		}

		return nil
	})
}

func TestAClusterFormsFromOneBootstrapAndSurvivesReboots(t *testing.T) {
	lab := newLab(t, 170)

	var nodes []*testMachine
	for i := byte(1); i <= 3; i++ {
		nodes = append(nodes, lab.machine(i))
		nodes[i-1].install(lab.configFor(i, machinetype.TypeControlPlane))
	}

	worker := lab.machine(4)
	worker.install(lab.configFor(4, machinetype.TypeWorker))

	wc := worker.admin()
	lab.eventually("the worker's certificate from trustd", func() error {
		_, err := wc.Version(t.Context())

		return err
	})

	for _, n := range nodes {
		c := n.admin()
		lab.eventually("etcd prepares", func() error { return serviceIs(t, c, "etcd", "Preparing") })
		_, err := n.members()
		require.Equal(t, codes.Unavailable, client.StatusCode(err), "no cluster yet: %v", err)
	}

	err := wc.Bootstrap(t.Context(), &machine.BootstrapRequest{})
	require.ErrorContains(t, err, "only available on control plane nodes")

	nodes[1].bootstrap()

	for _, n := range nodes {
		n.wantMembers("node-1", "node-2", "node-3")

		err := n.admin().Bootstrap(t.Context(), &machine.BootstrapRequest{})
		require.Equal(t, codes.AlreadyExists, client.StatusCode(err), "%v", err)
		require.ErrorContains(t, err, "etcd data directory is not empty")
	}

	for i, name := range []string{"node-1", "node-2", "node-3", "node-4"} {
		lab.eventually(name+" in Kubernetes", func() error {
			if node, down := lab.kubernetes.state(name); node.Name == "" || down {
				return errors.New("not there")
			}

			return nil
		})

		node, _ := lab.kubernetes.state(name)
		require.Equal(t, i < 3, node.ControlPlane)
		require.Equal(t, fmt.Sprintf("192.0.2.%d", 11+i), node.InternalIP.String())
		require.Equal(t, "v1.34.4", node.KubeletVersion)
		require.Equal(t, i == 3, node.Schedulable)
	}

	kubeconfig, err := nodes[0].admin().Kubeconfig(t.Context())
	require.NoError(t, err)
	require.Equal(t, "server: https://"+lab.address(10).String()+":6443", string(kubeconfig))
	_, err = wc.Kubeconfig(t.Context())
	require.ErrorContains(t, err, "only available on control plane nodes")

	for _, last := range []byte{10, 11, 12, 13} { // the virtual address and the nodes' own
		require.Equal(t, "apiserver", lab.hear(last))
	}

	require.NoError(t, nodes[0].admin().Reboot(t.Context()))
	lab.eventually("the node is down", func() error {
		if _, down := lab.kubernetes.state("node-1"); !down {
			return errors.New("still up")
		}

		return nil
	})
	require.Equal(t, "apiserver", lab.hear(10), "another node holds the virtual address")
	lab.eventually("the node is back", func() error {
		if _, down := lab.kubernetes.state("node-1"); down {
			return errors.New("still down")
		}

		return nil
	})
	nodes[0].wantMembers("node-1", "node-2", "node-3")

	c := nodes[0].admin()
	lab.eventually("the etcd service", func() error { return serviceIs(t, c, "etcd", "Running") })
}

func serviceIs(t *testing.T, c *client.Client, id, want string) error {
	t.Helper()

	list, err := c.ServiceList(t.Context())
	if err != nil {
		return err
	}

	for _, s := range list.GetMessages()[0].GetServices() {
		if s.GetId() == id && s.GetState() == want {
			return nil
		}
	}

	return fmt.Errorf("%v", list)
}

// hear reads what the API server behind an address says, trying again while nobody listens.
func (l *testLab) hear(last byte) (said string) {
	l.Helper()
	l.eventually("port 6443", func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("%s:6443", l.address(last)))
		if err != nil {
			return err
		}
		defer conn.Close()

		data, err := io.ReadAll(conn)
		said = string(data)

		if err == nil && said == "" {
			err = errors.New("closed at once")
		}

		return err
	})

	return said
}

func TestBootstrapOnTwoNodesMakesTwoClusters(t *testing.T) {
	lab := newLab(t, 171)
	lab.timing.EtcdPull = 200 * time.Second // 2 s: both calls come before either etcd is up
	a, b := lab.machine(1), lab.machine(2)

	for i, m := range []*testMachine{a, b} {
		m.install(lab.configFor(byte(i+1), machinetype.TypeControlPlane))
	}

	a.bootstrap()
	b.bootstrap()
	a.wantMembers("node-1")
	b.wantMembers("node-2")
}

func TestABootstrapThatIsOnlyInMemoryIsLostWithThePower(t *testing.T) {
	lab := newLab(t, 172)
	lab.timing.EtcdPull = 100 * time.Second
	m := lab.machine(1)
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	m.bootstrap()
	m.off()
	m.on()

	m.bootstrap() // not AlreadyExists
	m.wantMembers("node-1")
	m.off()
	m.on()
	m.wantMembers("node-1")

	m.storage.Wipe()
	m.off()
	m.on()
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	m.bootstrap()
	m.wantMembers("node-1")
}
