// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// Variables by which a test starts this program again, as the operator in the bastion's namespace.
const (
	operatorFactory = "FLEET_TEST_OPERATOR_FACTORY"
	operatorDir     = "FLEET_TEST_OPERATOR_DIR"
)

func TestMain(m *testing.M) {
	if os.Getenv(operatorFactory) == "" {
		os.Exit(m.Run())
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	// The test holds the other end: when it dies, even by SIGKILL, this process would otherwise keep the namespace.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()

	if err := operate(ctx); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func operate(ctx context.Context) error {
	o := bastionOperator()
	o.factory, o.dir = os.Getenv(operatorFactory), os.Getenv(operatorDir)

	if err := o.start(ctx); err != nil {
		return err
	}

	fmt.Println("started")

	if err := o.build(ctx); err != nil {
		return err
	}

	fmt.Println("built")

	return nil
}

func bastionOperator() *operator {
	return &operator{network: [2]byte{10, 77}, iface: "eth0", machines: 3, workers: 0}
}

func TestMachinesBecomeAClusterInNetworkNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root (or an own user namespace)")
	}

	o := bastionOperator()

	network, err := lan.NewNetns(t.Context(), lan.NetnsConfig{
		Bastion: netip.MustParsePrefix("10.77.0.2/24"), Site: netip.MustParsePrefix("10.77.0.1/24"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, network.Close()) })

	conn, err := network.Site.ListenDHCP(67)
	require.NoError(t, err)
	serveDHCP(t, o, conn)

	listener, err := network.Site.Listen(t.Context(), netip.MustParseAddrPort("10.77.0.1:8080"))
	require.NoError(t, err)

	factory := serveFactory(t, o, listener)
	link := newKubernetes()
	f := rack(t, network, o.machines, link)
	ctx := soon(t)

	said := startOperator(ctx, t, network, o)
	require.Equal(t, "started", said())
	require.NoError(t, f.PowerOn())
	require.Equal(t, "built", said())
	require.NoError(t, f.WaitState(ctx, fleet.Running))
	checkFetched(t, f, factory, o.machines)

	for n := 1; n <= o.machines; n++ {
		require.Equal(t, fmt.Sprintf("10.77.0.%d", 10+n), link.nodes[fmt.Sprintf("node-%d", n)].String())
	}

	holder := events(f, holderOfVIP(f, ""), "vip")
	require.Len(t, holder, 1)
	dial(ctx, t, network, "10.77.0.10:50000")

	require.NoError(t, f.PowerOff(holder[0].Machine))
	require.NoError(t, until(ctx, "another holder", func() error {
		if holderOfVIP(f, holder[0].Machine) == "" {
			return os.ErrNotExist
		}

		return nil
	}))
	dial(ctx, t, network, "10.77.0.10:50000")
}

// holderOfVIP is a machine that took the virtual address, other than one.
func holderOfVIP(f *fleet.Fleet, other string) string {
	for _, e := range f.Events() {
		if e.Kind == "vip" && e.Machine != other {
			return e.Machine
		}
	}

	return ""
}

func dial(ctx context.Context, t *testing.T, network *lan.Netns, to string) {
	t.Helper()

	conn, err := network.Bastion.Dial(ctx, netip.Addr{}, to)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// startOperator runs this program as operator inside the bastion. The function returns the next line that it prints.
func startOperator(ctx context.Context, t *testing.T, network *lan.Netns, o *operator) func() string {
	t.Helper()

	self, err := os.Executable()
	require.NoError(t, err)

	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), operatorFactory+"="+o.factory, operatorDir+"="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = os.Stderr

	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = in.Close() })

	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, network.Bastion.Start(cmd))
	t.Cleanup(func() { _ = cmd.Wait() }) // it said what there is to say

	lines := bufio.NewScanner(out)

	return func() string {
		lines.Scan()

		return strings.TrimSpace(lines.Text())
	}
}
