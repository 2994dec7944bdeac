// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
	"github.com/cozystack/cozy-install/talos/power"
)

// PowerAction is what to do with a machine's power.
type PowerAction string

// The actions.
const (
	PowerStatus PowerAction = "status"
	PowerOn     PowerAction = "on"
	PowerOff    PowerAction = "off"
	PowerCycle  PowerAction = "cycle"
)

// PowerView is the power of a node's machine, in its controller's words.
type PowerView struct {
	Node  string `json:"node"`
	Power string `json:"power"`
}

// NoBMCError says that the site file gives a node no management controller.
type NoBMCError struct{ Node string }

func (e *NoBMCError) Error() string {
	return fmt.Sprintf("node %s has no management controller in the site file", e.Node)
}

// Hint says what to write.
func (e *NoBMCError) Hint() string {
	return "give it nodes[].bmc with address, username and passwordFile"
}

// RunningNodeError says that a node answers, so that its power is not taken away unasked.
type RunningNodeError struct{ Node, State string }

func (e *RunningNodeError) Error() string {
	return fmt.Sprintf("node %s answers and is %s: its power is left alone", e.Node, e.State)
}

// Hint says how to do it all the same, and what it may cost.
func (e *RunningNodeError) Hint() string {
	return "add --force to cut its power all the same: a control plane without power is an etcd member less"
}

// Power switches the machine of a node and gives its power afterwards, as its controller says at once. A running node, and a
// foreign one, keeps its power unless force is true. With netboot the machine boots from the network this time.
func Power(ctx context.Context, o Options, action PowerAction, name string, netboot, force bool) (PowerView, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return PowerView{}, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return PowerView{}, err
	}
	node, err := nodeOf(b.site, name)
	if err != nil {
		return PowerView{}, err
	}
	bmc, err := b.bmcOf(node)
	if err != nil {
		return PowerView{}, err
	}
	if (action == PowerOff || action == PowerCycle) && !force {
		if err := b.assertSilent(ctx, node); err != nil {
			return PowerView{}, err
		}
	}
	switch action {
	case PowerOn:
		err = power.SwitchOn(ctx, bmc, netboot)
	case PowerOff:
		err = power.SwitchOff(ctx, bmc)
	case PowerCycle:
		err = power.Cycle(ctx, bmc, netboot)
	case PowerStatus:
	}
	if err != nil {
		return PowerView{}, fmt.Errorf("node %s: %w", name, err)
	}
	state, err := power.Status(ctx, bmc)
	if err != nil {
		return PowerView{}, fmt.Errorf("node %s: %w", name, err)
	}
	return PowerView{Node: name, Power: string(state)}, nil
}

// assertSilent checks that a node does not answer as one of ours or as a foreign one.
func (b *bringup) assertSilent(ctx context.Context, node site.Node) error {
	// Without readable secrets every configured machine looks foreign, and is left alone likewise.
	creds, _ := b.credentials()
	seen, _ := b.look(ctx, node, creds)
	if seen.state == talos.Ours || seen.state == talos.Foreign {
		return &RunningNodeError{Node: node.Name, State: string(seen.state)}
	}
	return ctx.Err()
}

// bmcOf is a node's management controller, with the password from its file.
func (b *bringup) bmcOf(node site.Node) (power.BMC, error) {
	if node.BMC == nil {
		return power.BMC{}, &NoBMCError{Node: node.Name}
	}
	out := power.BMC{
		Address: node.BMC.Address, Username: node.BMC.Username, Fingerprint: node.BMC.Fingerprint, Legacy: node.BMC.Legacy,
	}
	if node.BMC.PasswordFile == "" {
		return out, nil
	}
	password, err := os.ReadFile(b.site.File(node.BMC.PasswordFile))
	if err != nil {
		return power.BMC{}, fmt.Errorf("read bmc.passwordFile of node %s: %w", node.Name, err)
	}
	out.Password = strings.TrimSpace(string(password))
	return out, nil
}

// powerOn switches on the machines whose bmc says so and that do not answer: from the network those that were never given a
// config. One that is on already stays as it is, for it may be in the middle of something. What goes wrong is said and does
// not stop anything: the machines are waited for all the same.
func (b *bringup) powerOn(ctx context.Context, say phase.Say) error {
	var nodes []site.Node
	for _, node := range b.site.Nodes {
		if node.BMC != nil && node.BMC.PowerOn {
			nodes = append(nodes, node)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	creds, err := b.credentials()
	if err != nil {
		return err
	}
	journal, err := b.dir.Journal()
	if err != nil {
		return err
	}
	seen, _ := b.observeNodes(ctx, nodes, false, creds) // a foreign node is named by the wait that follows
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for _, node := range nodes {
		if seen[node.Name].state != talos.Unreachable {
			continue
		}
		netboot := b.site.Netboot.Mode != site.ModeOff && !journal.Applied[node.Name] && !journal.Installed[node.Name]
		group.Go(func() error {
			bmc, err := b.bmcOf(node)
			if err == nil {
				err = power.SwitchOn(ctx, bmc, netboot)
			}
			if err != nil {
				say("%s could not be switched on: %v", node.Name, err)
				return nil
			}
			say("%s is switched on by its management controller", node.Name)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return ctx.Err()
}
