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

// judge looks up all flows, as policy.LookupFlow of Cilium does one: egress of the source and ingress of the destination, if
// these are pods.
func (q question) judge(logger *slog.Logger) (verdicts [][]string, err error) {
	defer func() {
		// Some of what the API server would refuse makes the engine panic.
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	entries, err := q.entries(logger)
	if err != nil {
		return nil, err
	}
	identities, err := q.identities(policy.GetCIDRPrefixes(entries))
	if err != nil {
		return nil, err
	}
	ports, err := q.keys()
	if err != nil {
		return nil, err
	}
	maps, err := q.distill(logger, entries, identities)
	if err != nil {
		return nil, err
	}
	verdicts = make([][]string, len(identities))
	for from := range identities {
		verdicts[from] = make([]string, len(identities))
		for to := range identities {
			line := make([]byte, len(ports))
			for i, port := range ports {
				line[i] = '0'
				if allows(maps[from], policy.EgressKey(), identities[to], port) &&
					allows(maps[to], policy.IngressKey(), identities[from], port) {
					line[i] = '1'
				}
			}
			verdicts[from][to] = string(line)
		}
	}
	return verdicts, nil
}

// parsedPort is a port with its protocol as a number.
type parsedPort struct {
	number   uint16
	protocol u8proto.U8proto
}

func (q question) keys() ([]parsedPort, error) {
	parsed := make([]parsedPort, 0, len(q.Ports))
	for i, port := range q.Ports {
		protocol, err := u8proto.ParseProtocol(port.Protocol)
		if err != nil || port.Number == 0 {
			return nil, fmt.Errorf("ports[%d]: %d/%s: no port that can be looked up", i, port.Number, port.Protocol)
		}
		parsed = append(parsed, parsedPort{port.Number, protocol})
	}
	return parsed, nil
}

// distill makes the map of each pod that its datapath looks up; nil for what is no pod.
func (q question) distill(
	logger *slog.Logger, entries types.PolicyEntries, identities []*identity.Identity,
) ([]*policy.EndpointPolicy, error) {
	everybody := identity.IdentityMap{}
	for i, one := range identities {
		if other, isThere := everybody[one.ID]; isThere && !other.Equals(one.LabelArray) {
			return nil, fmt.Errorf("peers[%d] has the identity %v of another: ask once for each", i, one.ID)
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
	maps := make([]*policy.EndpointPolicy, len(identities))
	for i, one := range identities {
		if q.Peers[i].Namespace == "" {
			continue
		}
		manager.Add(one) // the repository resolves policies of the identities that its manager has
		selected, _, err := repository.GetSelectorPolicy(one, 0, noStatistics{}, uint64(one.ID))
		if err != nil {
			return nil, fmt.Errorf("resolve the policy of peers[%d]: %w", i, err)
		}
		maps[i] = selected.DistillPolicy(logger, owner(one.ID), nil)
		maps[i].Ready()
		maps[i].Detach(logger)
	}
	return maps, nil
}

func allows(of *policy.EndpointPolicy, direction policy.Key, peer *identity.Identity, port parsedPort) bool {
	if of == nil {
		return true
	}
	entry, _, _ := of.Lookup(direction.WithIdentity(peer.ID).WithPortProto(port.protocol, port.number))
	return !entry.IsDeny()
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
