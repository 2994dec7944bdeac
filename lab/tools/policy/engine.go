// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/types"
	"github.com/cilium/cilium/pkg/spanstat"
	"github.com/cilium/cilium/pkg/u8proto"
)

// engine is what the agent of a node has on which all pods of a question run.
type engine struct {
	repository *policy.Repository
	// identities and maps are by the places of the peers. A map is what a pod's datapath looks up; nil for what is no pod.
	identities []*identity.Identity
	maps       []*policy.EndpointPolicy
}

// load makes an engine. Close it when its maps were read.
func (q question) load(logger *slog.Logger) (engine, error) {
	entries, err := q.entries(logger)
	if err != nil {
		return engine{}, err
	}
	identities, err := q.identities(policy.GetCIDRPrefixes(entries))
	if err != nil {
		return engine{}, err
	}
	everybody := identity.IdentityMap{}
	for i, one := range identities {
		if other, isThere := everybody[one.ID]; isThere && !other.Equals(one.LabelArray) {
			return engine{}, fmt.Errorf("peers[%d] has the identity %v of another: ask once for each", i, one.ID)
		}
		everybody[one.ID] = one.LabelArray
	}
	manager := identitymanager.NewIDManager(logger)
	repository := policy.NewPolicyRepository(logger, nil, nil, nil, manager, noMetrics{})
	updated := &sync.WaitGroup{}
	repository.GetSelectorCache().UpdateIdentities(everybody, nil, updated)
	updated.Wait()
	repository.GetSubjectSelectorCache().UpdateIdentities(everybody, nil, updated)
	updated.Wait()
	repository.ReplaceByResource(entries, "question")
	loaded := engine{repository, identities, make([]*policy.EndpointPolicy, len(identities))}
	for i, one := range identities {
		if q.Peers[i].Namespace == "" {
			continue
		}
		manager.Add(one) // the repository resolves policies of the identities that its manager has
		selected, _, err := repository.GetSelectorPolicy(one, 0, noStatistics{}, uint64(one.ID))
		if err != nil {
			return engine{}, fmt.Errorf("resolve the policy of peers[%d]: %w", i, err)
		}
		loaded.maps[i] = selected.DistillPolicy(logger, owner(one.ID), nil)
		loaded.maps[i].Ready()
	}
	return loaded, nil
}

// close lets go of the selectors that pods use.
func (e engine) close(logger *slog.Logger) {
	for _, one := range e.maps {
		if one != nil {
			one.Detach(logger)
		}
	}
}

// noMetrics counts nothing.
type noMetrics struct{}

func (noMetrics) AddRule(types.PolicyEntry) {}
func (noMetrics) DelRule(types.PolicyEntry) {}

// noStatistics measures nothing.
type noStatistics struct{}

func (noStatistics) WaitingForPolicyRepository() *spanstat.SpanStat { return &spanstat.SpanStat{} }
func (noStatistics) SelectorPolicyCalculation() *spanstat.SpanStat  { return &spanstat.SpanStat{} }

// owner is the endpoint that a map is made for, by the number of its identity. It has no named ports.
type owner uint64

func (o owner) GetID() uint64                                   { return uint64(o) }
func (owner) GetNamedPort(bool, string, u8proto.U8proto) uint16 { return 0 }
func (owner) PolicyDebug(string, ...any)                        {}
func (owner) IsHost() bool                                      { return false }
func (owner) PreviousMapState() *policy.MapState                { return nil }
func (owner) RegenerateIfAlive(*regeneration.ExternalRegenerationMetadata) <-chan bool {
	done := make(chan bool)
	close(done)
	return done
}
