// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"encoding/json"
	"fmt"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
)

// PatchError says which patch spoils a node's machine config.
type PatchError struct {
	Node string
	// Scope is cluster or node: whose patches, and Index which of them, from 0.
	Scope string
	Index int
	Err   error
}

// Error implements error.
func (e *PatchError) Error() string {
	return fmt.Sprintf("patches[%d] of the %s (for node %s): %v", e.Index, e.Scope, e.Node, e.Err)
}

// Unwrap returns the cause.
func (e *PatchError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *PatchError) Hint() string {
	return "a patch is a piece of a Talos machine config (machine:, cluster:, or one document with apiVersion and kind)" +
		" that is merged over the config; compare its keys with the configuration reference of the node's Talos version"
}

type userPatch struct {
	scope string
	index int
	body  map[string]any
}

func userPatches(c Cluster, n Node) []userPatch {
	patches := make([]userPatch, 0, len(c.Patches)+len(n.Patches))
	for i, body := range c.Patches {
		patches = append(patches, userPatch{"cluster", i, body})
	}

	for i, body := range n.Patches {
		patches = append(patches, userPatch{"node", i, body})
	}

	return patches
}

// applyPatches merges the operator's patches over a config and returns the validated bytes.
func applyPatches(n Node, base config.Provider, patches []userPatch) ([]byte, error) {
	patched := base

	for _, patch := range patches {
		next, err := patch.apply(patched)
		if err != nil {
			return nil, &PatchError{n.Name, patch.scope, patch.index, err}
		}

		patched = next
	}

	data, err := finish(patched)
	if err != nil {
		return nil, blame(n, base, patches, err)
	}

	return data, nil
}

// finish encodes a config and reads it back as a node would.
func finish(provider config.Provider) ([]byte, error) {
	data, err := encode(provider)
	if err != nil {
		return nil, err
	}

	return data, validate(data)
}

// blame finds the first patch after which the config is refused. The error stays as it is when the config was already
// refused without patches.
func blame(n Node, base config.Provider, patches []userPatch, err error) error {
	if _, baseErr := finish(base); baseErr != nil {
		return baseErr
	}

	for _, patch := range patches {
		next, applyErr := patch.apply(base)
		if applyErr != nil {
			return &PatchError{n.Name, patch.scope, patch.index, applyErr}
		}

		if _, finishErr := finish(next); finishErr != nil {
			return &PatchError{n.Name, patch.scope, patch.index, finishErr}
		}

		base = next
	}

	return err
}

// apply merges one patch over a config, which is not changed. Maps of Go become YAML by way of JSON, which writes
// whole numbers without an exponent, whichever Go type the reader of the site file chose for them.
func (p userPatch) apply(base config.Provider) (config.Provider, error) {
	data, err := json.Marshal(p.body)
	if err != nil {
		return nil, err
	}

	provider, err := configloader.NewFromBytes(data, configloader.WithAllowPatchDelete())
	if err != nil {
		return nil, oneLine(err)
	}

	merged, err := merge(base, provider)
	if err != nil {
		return nil, oneLine(err)
	}

	return merged, nil
}
