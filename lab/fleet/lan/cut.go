// SPDX-License-Identifier: Apache-2.0

package lan

import (
	"context"
	"fmt"
)

// CutBastion takes the bastion off the network: everything that it sends is lost, and it is told so by nobody.
func (n *Netns) CutBastion() error {
	link, err := n.bridge.handle.LinkByName(n.bastionPort)
	if err == nil {
		err = n.bridge.handle.LinkSetDown(link)
	}

	if err != nil {
		return fmt.Errorf("cut the bastion off: %w", err)
	}

	return nil
}

// JoinBastion brings the bastion back, and waits until the network sees it.
func (n *Netns) JoinBastion(ctx context.Context) error {
	link, err := n.bridge.handle.LinkByName(n.bastionPort)
	if err == nil {
		err = n.bridge.handle.LinkSetUp(link)
	}

	if err != nil {
		return fmt.Errorf("bring the bastion back: %w", err)
	}

	return n.waitCarrier(ctx, n.Bastion, linkName, n.bastionPort)
}
