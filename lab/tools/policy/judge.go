// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/u8proto"
)

// judge looks up all flows, as policy.LookupFlow of Cilium does one: egress of the source and ingress of the destination, if
// these are pods.
func (q question) judge(logger *slog.Logger) ([][]string, error) {
	ports, err := q.keys()
	if err != nil {
		return nil, err
	}
	engine, err := q.load(logger)
	if err != nil {
		return nil, err
	}
	defer engine.close(logger)
	identities, maps := engine.identities, engine.maps
	verdicts := make([][]string, len(identities))
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

func allows(of *policy.EndpointPolicy, direction policy.Key, peer *identity.Identity, port parsedPort) bool {
	if of == nil {
		return true
	}
	entry, _, _ := of.Lookup(direction.WithIdentity(peer.ID).WithPortProto(port.protocol, port.number))
	return !entry.IsDeny()
}
