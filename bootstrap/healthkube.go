// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
)

// The checks whose answers come from the Kubernetes API.

// clusterView asks the Kubernetes API, which is one question for all nodes.
func (b *bringup) clusterView(ctx context.Context) clusterFacts {
	client, err := b.kube()
	if err != nil {
		return clusterFacts{err: err}
	}
	if err := client.AssertAnswering(ctx); err != nil {
		return clusterFacts{err: err}
	}
	health, err := client.Health(ctx)
	return clusterFacts{health: health, err: err}
}

func judgeRegistered(s siteFacts, f *nodeFacts) (state, reason string) {
	if s.cluster.err != nil {
		return CheckUnknown, cantAsk
	}
	if _, known := s.cluster.health.Nodes[f.node.Name]; !known {
		return failed(notRegistered)
	}
	return passed()
}

const notRegistered = "not registered in Kubernetes"

func judgeReady(s siteFacts, f *nodeFacts) (state, reason string) {
	if state, reason = judgeRegistered(s, f); state != CheckOK {
		return state, reason
	}
	if node := s.cluster.health.Nodes[f.node.Name]; !node.Ready {
		return failed("%s", node.Reason)
	}
	return passed()
}

func judgeProxy(s siteFacts, f *nodeFacts) (state, reason string) {
	if state, reason = judgeRegistered(s, f); state != CheckOK {
		return state, reason
	}
	if s.cluster.health.Proxies == nil {
		return CheckSkipped, "the cluster has no kube-proxy"
	}
	if why := s.cluster.health.Proxies[f.node.Name]; why != "" {
		return failed("%s", why)
	}
	return passed()
}

func judgeSchedulable(s siteFacts, f *nodeFacts) (state, reason string) {
	if state, reason = judgeRegistered(s, f); state != CheckOK {
		return state, reason
	}
	if s.cluster.health.Nodes[f.node.Name].Cordoned {
		return failed("cordoned")
	}
	return passed()
}

// clusterChecks are the checks of the cluster as a whole: kubernetes (its API is ready) and coreDNS.
func clusterChecks(cluster clusterFacts) []CheckResult {
	api := CheckResult{Check: "kubernetes", State: CheckOK}
	dns := CheckResult{Check: "coreDNS", State: CheckOK}
	replicas := cluster.health.DNS
	none := (*NoKubeconfigError)(nil)
	switch {
	case errors.As(cluster.err, &none):
		api.State, api.Reason = CheckUnknown, cluster.err.Error()
		dns.State, dns.Reason = CheckUnknown, cantAsk
	case cluster.err != nil:
		api.State, api.Reason = failed("%v", cluster.err)
		dns.State, dns.Reason = CheckUnknown, cantAsk
	case replicas == nil:
		dns.State, dns.Reason = CheckSkipped, "the cluster has no deployment of CoreDNS"
	case replicas.Ready < replicas.Wanted || replicas.Ready == 0:
		dns.State, dns.Reason = failed("%d of %d pods are ready", replicas.Ready, replicas.Wanted)
	}
	return []CheckResult{api, dns}
}

const cantAsk = "the Kubernetes API can't be asked"
