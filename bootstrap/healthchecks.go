// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// nodeCheck is one column of the matrix. The question and the judgement are apart, so that a judgement may look at what
// others answered.
type nodeCheck struct {
	// id is in the output, for ever.
	id string
	// role is whose check it is. Empty: everybody's.
	role string
	// ask puts the node's answer into the facts. Nil: the node is not asked, for the cluster tells.
	ask func(context.Context, *talos.Client, *nodeFacts, *timeServer)
	// judge says how it is. It is called only when ask was.
	judge func(siteFacts, *nodeFacts) (state, reason string)
}

func (c nodeCheck) concerns(node site.Node) bool { return c.role == "" || c.role == node.Role }

// nodeChecks are the columns of the matrix, in the order in which a node comes up. They are those of `talosctl health`
// (pkg/cluster/check of Talos 1.13), one node at a time, and the clock.
func nodeChecks() []nodeCheck {
	return []nodeCheck{
		{id: "apid", judge: judgeAPI},
		{id: "clock", ask: askClock, judge: judgeClock},
		{id: "memory", ask: askMemory, judge: judgeMemory},
		{id: "disk", ask: askEphemeral, judge: judgeEphemeral},
		{id: "diagnostics", ask: askDiagnostics, judge: judgeDiagnostics},
		{id: "etcd", role: site.ControlPlane, ask: askServices, judge: judgeService("etcd")},
		{id: "members", role: site.ControlPlane, ask: askMembers, judge: judgeMembers},
		{id: "kubelet", ask: askServices, judge: judgeService("kubelet")},
		{id: "machine", ask: askStatus, judge: judgeMachine},
		{id: "staticPods", role: site.ControlPlane, ask: askPods, judge: judgePods},
		{id: "registered", judge: judgeRegistered},
		{id: "ready", judge: judgeReady},
		{id: "kubeProxy", judge: judgeProxy},
		{id: "schedulable", judge: judgeSchedulable},
	}
}

// checksNamed are some of the checks, in their order.
func checksNamed(ids ...string) []nodeCheck {
	return slices.DeleteFunc(nodeChecks(), func(c nodeCheck) bool { return !slices.Contains(ids, c.id) })
}

func judgeAPI(_ siteFacts, f *nodeFacts) (state, reason string) {
	switch {
	case f.deaf == nil:
		return passed()
	case f.seen.state == "": // it was not asked
		return CheckUnknown, f.deaf.Error()
	}
	return failed("%v", f.deaf)
}

func askServices(ctx context.Context, client *talos.Client, f *nodeFacts, _ *timeServer) {
	if f.services == nil && f.servicesErr == nil {
		f.services, f.servicesErr = client.Services(ctx)
	}
}

func judgeService(name string) func(siteFacts, *nodeFacts) (state, reason string) {
	return func(_ siteFacts, f *nodeFacts) (state, reason string) {
		if f.servicesErr != nil {
			return unanswered(f.servicesErr)
		}
		service, there := f.services[name]
		switch {
		case !there:
			return failed("the service is not there")
		case service.State == serviceRuns && service.Healthy:
			return passed()
		case service.State == serviceRuns:
			return failed("not healthy: %s", service.Message)
		}
		return failed("%s: %s", service.State, service.Message)
	}
}

// serviceRuns is Talos's word for a service that runs.
const serviceRuns = "Running"

func askMembers(ctx context.Context, client *talos.Client, f *nodeFacts, clocks *timeServer) {
	askServices(ctx, client, f, clocks)
	if f.services["etcd"].State == serviceRuns {
		f.members, f.membersErr = client.EtcdMembers(ctx)
	}
}

// judgeMembers holds what a node sees against the site's control planes and against what the others see: two clusters
// look alike from inside (talos#5500).
func judgeMembers(s siteFacts, f *nodeFacts) (state, reason string) {
	switch {
	case f.servicesErr != nil:
		return unanswered(f.servicesErr)
	case f.membersErr != nil:
		return unanswered(f.membersErr)
	case f.members == nil:
		return CheckUnknown, "etcd does not run"
	}
	if err := allMembers(s.planes, f.members, s.further); err != nil {
		return failed("%v", err)
	}
	for _, other := range s.nodes {
		if other.members != nil && describe(other.members) != describe(f.members) {
			return failed("it sees %s, and %s sees %s", describe(f.members), other.node.Name, describe(other.members))
		}
	}
	return passed()
}

func askStatus(ctx context.Context, client *talos.Client, f *nodeFacts, _ *timeServer) {
	f.status, f.statusErr = client.Status(ctx)
}

func judgeMachine(_ siteFacts, f *nodeFacts) (state, reason string) {
	switch {
	case f.statusErr != nil:
		return unanswered(f.statusErr)
	case f.status.Stage == talos.StageRunning && f.status.Ready:
		return passed()
	}
	return failed("%s", inWords(f.status))
}

// inWords is a node's stage and what it waits for, each as Talos says it.
func inWords(status talos.Status) string {
	words := []string{string(status.Stage)}
	for _, c := range status.Unmet {
		words = append(words, c.Name+": "+c.Reason)
	}
	return strings.Join(words, "; ")
}

func askPods(ctx context.Context, client *talos.Client, f *nodeFacts, _ *timeServer) {
	f.pods, f.podsErr = client.StaticPods(ctx)
}

// judgePods looks for the components of a control plane.
func judgePods(_ siteFacts, f *nodeFacts) (state, reason string) {
	if f.podsErr != nil {
		return unanswered(f.podsErr)
	}
	var wrong []string
	for _, component := range []talos.Component{talos.APIServer, talos.ControllerManager, talos.Scheduler} {
		i := slices.IndexFunc(f.pods, func(p talos.StaticPod) bool { return p.Component == component })
		switch {
		case i < 0:
			wrong = append(wrong, string(component)+" is not there")
		case !f.pods[i].Ready:
			wrong = append(wrong, string(component)+" is not ready")
		}
	}
	if len(wrong) > 0 {
		return failed("%s", strings.Join(wrong, ", "))
	}
	return passed()
}
