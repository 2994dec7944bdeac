// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
)

// maxServices bounds what a node can make us show: Talos has about twenty, and one for each extension.
const maxServices = 200

// Services reads the state of all services of a node, by their names: apid, etcd, kubelet ... A service that the node
// does not have, as etcd on a worker, is not among them.
func (c *Client) Services(ctx context.Context) (map[string]ServiceState, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	reply, err := c.api.ServiceList(ctx)
	if err != nil {
		return nil, c.fail(ctx, "list the services", err, nil)
	}

	found := map[string]ServiceState{}

	for _, message := range reply.GetMessages() {
		for _, service := range message.GetServices() {
			if len(found) < maxServices {
				found[field(service.GetId())] = serviceState(service)
			}
		}
	}

	return found, nil
}

// serviceState reads a service's state, and the last thing that was said of it.
func serviceState(service *machine.ServiceInfo) ServiceState {
	state := ServiceState{
		State:   field(service.GetState()),
		Healthy: service.GetHealth().GetHealthy() && !service.GetHealth().GetUnknown(),
		Message: field(service.GetHealth().GetLastMessage()),
	}
	if events := service.GetEvents().GetEvents(); state.Message == "" && len(events) > 0 {
		state.Message = field(events[len(events)-1].GetMsg())
	}

	return state
}
