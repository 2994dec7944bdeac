// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
)

// PatchError says which patch spoils a node's machine config.
type PatchError struct {
	Node  string
	Place string // where the operator wrote it
	Err   error
}

// Error implements error.
func (e *PatchError) Error() string {
	return fmt.Sprintf("%s (for node %s): %v", e.Place, e.Node, e.Err)
}

// Unwrap returns the cause.
func (e *PatchError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *PatchError) Hint() string {
	if unknown := (*UnknownKeysError)(nil); errors.As(e.Err, &unknown) {
		return unknown.Hint()
	}

	return "a patch is a piece of a Talos machine config (machine:, cluster:, or one document with apiVersion and kind)" +
		" that is merged over the config; compare its keys with the configuration reference of the node's Talos version"
}

// patching is how one node's config is finished.
type patching struct {
	cluster Cluster
	node    Node
	reader  contract // of the Talos that reads the config first
}

// patches are those for all nodes, then those of the node's role, then its own.
func (p patching) patches() []Patch {
	return slices.Concat(p.cluster.Patches, p.cluster.RolePatches[p.node.Role], p.node.Patches)
}

// apply merges the operator's patches over a config and returns the validated bytes.
func (p patching) apply(base config.Provider) ([]byte, error) {
	patched := base

	for _, patch := range p.patches() {
		next, err := patch.apply(patched)
		if err != nil {
			return nil, &PatchError{p.node.Name, patch.Place, err}
		}

		patched = next
	}

	data, err := p.finish(patched)
	if err != nil {
		return nil, p.blame(base, err)
	}

	return data, nil
}

// finish encodes a config and reads it back as a node would.
func (p patching) finish(provider config.Provider) ([]byte, error) {
	data, err := encode(provider)
	if err != nil {
		return nil, err
	}

	if err := validate(data); err != nil {
		return nil, err
	}

	unknown, err := unknownTo(p.reader, data)
	if err != nil {
		return nil, err
	}

	if len(unknown) > 0 {
		return nil, &UnknownKeysError{p.node.Running, p.cluster.TalosVersion, unknown}
	}

	return data, nil
}

// blame finds the first patch after which the config is refused. The error stays as it is when the config was already
// refused without patches.
func (p patching) blame(base config.Provider, err error) error {
	if _, baseErr := p.finish(base); baseErr != nil {
		return baseErr
	}

	for _, patch := range p.patches() {
		next, applyErr := patch.apply(base)
		if applyErr != nil {
			return &PatchError{p.node.Name, patch.Place, applyErr}
		}

		if _, finishErr := p.finish(next); finishErr != nil {
			return &PatchError{p.node.Name, patch.Place, finishErr}
		}

		base = next
	}

	return err
}

// apply merges one patch over a config, which is not changed. Maps of Go become YAML by way of JSON, which writes
// whole numbers without an exponent, whichever Go type the reader of the site file chose for them.
func (p Patch) apply(base config.Provider) (config.Provider, error) {
	data, err := json.Marshal(p.Body)
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
