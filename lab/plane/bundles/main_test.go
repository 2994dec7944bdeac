// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// jobVariable makes a process of this program an installer instead of a test.
const jobVariable = "COZY_INSTALL_TEST_JOB"

// job is what an installer in a process of its own is told to do, as JSON in jobVariable.
type job struct {
	Kubeconfig  string
	ChartSource string // of the charts that are not ours; empty: none can be had
	Bundle      string
	Values      map[string]map[string]any
	// Edition makes it install the whole of the bundle, with everything optional, in that edition. Zero: only the core.
	Edition int
	// Faded makes it remove what the bundle does not have with these packages enabled. Nil: it installs.
	Faded []string
}

// TestMain runs the tests, or in a child process an installation: only a process can be killed.
func TestMain(m *testing.M) {
	text := os.Getenv(jobVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 5*patience) // should the test itself have been killed
	defer cancel()
	if err := do(ctx, text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func do(ctx context.Context, text string) error {
	var what job
	if err := json.Unmarshal([]byte(text), &what); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", what.Kubeconfig)
	if err != nil {
		return err
	}
	if what.Faded != nil {
		return removeFaded(ctx, config, what)
	}
	s, err := newShelf(firstEdition)
	if err != nil {
		return err
	}
	s.source = what.ChartSource
	if what.Edition > 0 {
		return s.installWhole(ctx, config, what.Bundle, what.Edition)
	}
	plan, err := s.plan(ctx, what.Bundle, what.Values)
	if err != nil {
		return err
	}
	core, err := s.core(config)
	if err != nil {
		return err
	}
	return core.Install(ctx, plan, nil)
}
