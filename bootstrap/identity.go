// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// OtherMachineError says why a machine is not the node that it was taken for.
type OtherMachineError struct {
	Node string
	What string // mac, serial or uuid
	Want string // as the site file has it
	Have string // as the machine tells it; empty: it tells none
}

func (e *OtherMachineError) Error() string {
	return fmt.Sprintf("the machine is not %s: %s %s is not among its own (%s)", e.Node, e.What, e.Want, e.Have)
}

// recognise reads the hardware of the machine in maintenance mode that was seen, and checks that it is the node's:
// *OtherMachineError if it is not.
func (b *bringup) recognise(ctx context.Context, node site.Node, seen sight) (talos.Inventory, error) {
	client, err := talos.DialMaintenance(ctx, seen.addr, seen.fingerprint)
	if err != nil {
		return talos.Inventory{}, err
	}
	defer client.Close()
	inventory, err := client.Inventory(ctx)
	if err != nil {
		return talos.Inventory{}, err
	}
	return inventory, isNode(node, inventory)
}

// isNode checks that a machine is the node: every identifier that the site file gives must be the machine's, also each of
// its further hardware addresses.
func isNode(node site.Node, machine talos.Inventory) error {
	if node.Serial != "" && !strings.EqualFold(node.Serial, machine.Serial) {
		return &OtherMachineError{Node: node.Name, What: "serial", Want: node.Serial, Have: machine.Serial}
	}
	if node.UUID != "" && !strings.EqualFold(node.UUID, machine.UUID) {
		return &OtherMachineError{Node: node.Name, What: "uuid", Want: node.UUID, Have: machine.UUID}
	}
	macs := make([]string, len(machine.Links))
	for i, link := range machine.Links {
		macs[i] = link.MAC.String()
	}
	for _, mac := range cards(node) {
		if !slices.Contains(macs, strings.ToLower(mac)) {
			return &OtherMachineError{Node: node.Name, What: "mac", Want: mac, Have: strings.Join(macs, ", ")}
		}
	}
	return nil
}
