// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"sync"

	"github.com/cozystack/cozy-install/talos"
)

// calls are the open connections to machines in maintenance mode that are about to be given their configs. All that is said to
// one is said over the same: a handshake costs both sides milliseconds of a processor, and there may be hundreds. Close them. The zero value has none.
type calls struct {
	lock    sync.Mutex
	clients map[string]*talos.Client // by node
}

// to gives the client for the machine that was seen of a node, and for no other: its fingerprint is pinned, also when a broken
// connection is made again. It may be called concurrently.
func (c *calls) to(ctx context.Context, node string, machine sight) (*talos.Client, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if client, ok := c.clients[node]; ok {
		return client, nil
	}
	client, err := talos.DialMaintenance(ctx, machine.addr, machine.fingerprint) // which sends nothing yet
	if err != nil {
		return nil, err
	}
	if c.clients == nil {
		c.clients = map[string]*talos.Client{}
	}
	c.clients[node] = client
	return client, nil
}

func (c *calls) close() {
	for _, client := range c.clients {
		_ = client.Close() // each call had its own answer
	}
}
