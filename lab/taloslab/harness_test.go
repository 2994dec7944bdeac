// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/lab/taloslab"
	"github.com/cozystack/cozy-install/talos"
)

// openLab makes a lab for one test, or skips the test with what is missing. COZY_TALOSLAB=1, as make talos sets it, makes
// that an error.
func openLab(t *testing.T) *taloslab.Lab {
	t.Helper()
	if os.Getenv("COZY_TALOSLAB") == "" {
		t.Skip("real Talos nodes are run by make talos only")
	}
	lab, err := taloslab.Open(t.Context(), taloslab.Config{
		Bastion: netip.MustParsePrefix("10.77.0.2/24"), Talos: os.Getenv("COZY_TALOS_MODULE"), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	var missing *taloslab.MissingError
	if errors.As(err, &missing) {
		t.Fatalf("%v\n%s", missing, missing.Hint())
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close(t.Context())) })
	return lab
}

// startNode starts a node and waits until it is in maintenance mode. Its console is printed when the test fails.
func startNode(t *testing.T, lab *taloslab.Lab, number byte) (*taloslab.Node, talos.Answer) {
	t.Helper()
	return startNamed(t, lab, "cp"+string('0'+number), number)
}

func startNamed(t *testing.T, lab *taloslab.Lab, name string, number byte) (*taloslab.Node, talos.Answer) {
	t.Helper()
	node, err := lab.Start(t.Context(), name, net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 0x10 + number},
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 0, 10 + number}), 24))
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			console, err := os.ReadFile(node.Log)
			t.Logf("console of %s (%v):\n%s", node.Name, err, console)
		}
	})
	return node, awaitState(t, node.Addr(), talos.Maintenance, nil)
}

func awaitState(t *testing.T, addr netip.AddrPort, want talos.State, creds *talos.Credentials) (answer talos.Answer) {
	t.Helper()
	until(t, time.Minute, addr.String()+" to be "+string(want), func(ctx context.Context) (err error) {
		if answer, err = talos.Probe(ctx, addr, creds); err == nil && answer.State != want {
			err = errors.New("it is " + string(answer.State))
		}
		return err
	})
	return answer
}

func until(t *testing.T, limit time.Duration, title string, probe func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	require.NoError(t, wait.Until(ctx, wait.Check{Title: title, Interval: 200 * time.Millisecond, ProbeTimeout: 10 * time.Second, Probe: probe}))
	t.Logf("%s: %v", title, time.Since(began).Round(100*time.Millisecond))
}
