// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// ConfigDiff is how the config that a node runs with differs from the one that the site file makes.
type ConfigDiff struct {
	Node string
	// Diff is a unified diff with secrets redacted. Empty: they say the same, or Err is set.
	Diff string
	Err  error // why they could not be compared
}

// DiffConfigs compares the configs of the named nodes, or of all, in the order of the site file. It changes nothing.
func DiffConfigs(ctx context.Context, o Options, nodes ...string) ([]ConfigDiff, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return nil, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return nil, err
	}
	chosen, err := b.named(nodes)
	if err != nil {
		return nil, err
	}
	if _, err := b.credentials(); err != nil {
		return nil, err
	}
	out := make([]ConfigDiff, len(chosen))
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range chosen {
		group.Go(func() error {
			out[i].Node = node.Name
			out[i].Diff, out[i].Err = b.diffConfig(ctx, node)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error: what became of each is in the result
	return out, nil
}

// named are the nodes with the names, or all of them for none.
func (b *bringup) named(names []string) ([]site.Node, error) {
	if len(names) == 0 {
		return b.site.Nodes, nil
	}
	var out []site.Node
	for _, name := range names {
		node, err := nodeOf(b.site, name)
		if err != nil {
			return nil, err
		}
		out = append(out, node)
	}
	return out, nil
}

func (b *bringup) diffConfig(ctx context.Context, node site.Node) (diff string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, err := b.dial(ctx, node)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	running, err := client.MachineConfig(ctx)
	if err != nil {
		return "", err
	}
	inventory, err := client.Inventory(ctx)
	if err != nil {
		return "", err
	}
	wanted, err := b.machineConfigs([]site.Node{node}, map[string]string{node.Name: inventory.TalosVersion})
	if err != nil {
		return "", err
	}
	return talos.Diff(running, wanted[0])
}

// DifferentConfigsError says which nodes do not run with the config that the site file makes.
type DifferentConfigsError struct{ Nodes []string }

func (e *DifferentConfigsError) Error() string {
	return "not the config of the site file: " + strings.Join(e.Nodes, ", ")
}

// Different is the error of a comparison: which nodes differ, and which could not be compared. Nil: all are as they should be.
func Different(diffs []ConfigDiff) error {
	var different []string
	var errs []error
	for _, d := range diffs {
		if d.Err != nil {
			errs = append(errs, fmt.Errorf("compare the config of %s: %w", d.Node, d.Err))
		} else if d.Diff != "" {
			different = append(different, d.Node)
		}
	}
	if len(different) > 0 {
		errs = append(errs, &DifferentConfigsError{different})
	}
	return errors.Join(errs...)
}
