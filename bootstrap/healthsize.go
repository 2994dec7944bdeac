// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// nodeSize is how large a node is. A container has its host's memory and no disk: neither says anything.
type nodeSize struct {
	container bool

	memory       uint64 // bytes
	memoryErr    error
	ephemeral    uint64 // bytes
	ephemeralErr error
}

func askMemory(ctx context.Context, client *talos.Client, f *nodeFacts, _ *timeServer) {
	// Where a node does not say what it is, it is taken for a machine.
	f.size.container, _ = client.InContainer(ctx)
	f.size.memory, f.size.memoryErr = client.Memory(ctx)
}

func judgeMemory(_ siteFacts, f *nodeFacts) (state, reason string) {
	least := uint64(talos.MinWorkerMemory)
	if f.node.Role == site.ControlPlane {
		least = talos.MinControlPlaneMemory
	}
	switch {
	case f.size.container:
		return CheckSkipped, inContainer
	case f.size.memoryErr != nil:
		return unanswered(f.size.memoryErr)
	case f.size.memory < least:
		return failed("%d MiB, and Talos wants %d MiB for a %s", f.size.memory>>20, least>>20, f.node.Role)
	}
	return passed()
}

const inContainer = "the node is a container"

func askEphemeral(ctx context.Context, client *talos.Client, f *nodeFacts, _ *timeServer) {
	f.size.ephemeral, f.size.ephemeralErr = client.Ephemeral(ctx)
}

func judgeEphemeral(_ siteFacts, f *nodeFacts) (state, reason string) {
	switch {
	case f.size.container:
		return CheckSkipped, inContainer
	case f.size.ephemeralErr != nil:
		return unanswered(f.size.ephemeralErr)
	case f.size.ephemeral < talos.MinEphemeral:
		return failed("EPHEMERAL has %d MiB, and Talos wants %d MiB", f.size.ephemeral>>20, uint64(talos.MinEphemeral)>>20)
	}
	return passed()
}

func askDiagnostics(ctx context.Context, client *talos.Client, f *nodeFacts, _ *timeServer) {
	f.diagnostics, f.diagErr = client.Diagnostics(ctx)
}

func judgeDiagnostics(_ siteFacts, f *nodeFacts) (state, reason string) {
	switch {
	case f.diagErr != nil:
		return unanswered(f.diagErr)
	case len(f.diagnostics) > 0:
		return failed("%s", strings.Join(f.diagnostics, "; "))
	}
	return passed()
}
