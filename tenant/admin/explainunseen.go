// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"slices"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// judgeEnds judges all that a flow between two ends may be, as far as who asks can see: whether the tenant whose Tenant is unseen runs
// each of the cluster services or not, and whether an application of the source stays on the etcd that the destination is of. What
// differs among them is unknown, and so is what differs with an etcd that may be there or not. Above the unseen tenant is nothing that
// such a flow depends on.
func judgeEnds(site *policy.Site, source, destination *looked, port Port) JudgedFlow {
	flow := policy.Flow{From: source.peer, To: destination.peer, Protocol: port.Protocol, Port: port.Number}
	judged := judgeKept(site, flow, source, destination, port)

	for _, one := range []*looked{source, destination} {
		if one.isStayingUnknown {
			judged = judged.and(judgeKept(site, withEtcd(flow, one.pod.Namespace), source, destination, port),
				"it depends on whether Etcd "+tenant.Etcd.String()+" is there in "+one.pod.Namespace+", which you may not read")
		}
	}

	return judged
}

// withEtcd is the flow where the etcd of a namespace is there, though its tenant may not run it any more.
func withEtcd(flow policy.Flow, namespace string) policy.Flow {
	for _, end := range []*policy.Peer{&flow.From, &flow.To} {
		if end.Tenant != nil && end.Namespace == namespace {
			resolved := *end.Tenant
			resolved.StayingEtcd = true
			end.Tenant = &resolved
		}
	}

	return flow
}

// judgeKept judges a flow with what is known of the etcd that applications of its source stay on.
func judgeKept(site *policy.Site, flow policy.Flow, source, destination *looked, port Port) JudgedFlow {
	if flow.From.Tenant == nil || flow.To.Tenant == nil {
		return judgeServices(site, flow, source, destination, port)
	}

	// Applications stay on an etcd of their own tenant or of one above. The namespaces are told on whose etcd they do, and of that
	// one nothing else tells that it is still there, if its tenant does not run etcd any more.
	isOfOrAbove := flow.To.Namespace == flow.From.Namespace || slices.Contains(flow.From.Tenant.Ancestors, flow.To.Namespace)

	switch {
	case slices.Contains(flow.From.Tenant.KeptEtcd, flow.To.Namespace):
		return judgeServices(site, staying(flow), source, destination, port)
	case !source.isEtcdUnknown || !isOfOrAbove:
		return judgeServices(site, flow, source, destination, port)
	}

	return judgeServices(site, flow, source, destination, port).and(judgeServices(site, staying(flow), source, destination, port),
		"it is allowed where an application of "+flow.From.Namespace+" stays on the etcd of "+flow.To.Namespace+
			"; the labels of the namespace say so, which an administrator of the platform may read")
}

// staying is the flow where an application of its source stays on the etcd of its destination's tenant.
func staying(flow policy.Flow) policy.Flow {
	from := *flow.From.Tenant
	from.KeptEtcd = append(slices.Clone(from.KeptEtcd), flow.To.Namespace)
	flow.From.Tenant = &from

	return withEtcd(flow, flow.To.Namespace)
}

// judgeServices judges a flow with every choice of cluster services that the unseen ends' tenant may run. It is one tenant.
func judgeServices(site *policy.Site, flow policy.Flow, source, destination *looked, port Port) JudgedFlow {
	judged := judge(site, flow, port)
	from, to := flow.From.Tenant, flow.To.Tenant

	for choice := 1; choice < 1<<tenant.ServiceCount && (source.isUnseen || destination.isUnseen); choice++ {
		unseen := to

		if destination.isUnseen {
			flow.To.Tenant = running(to, choice)
		}

		if source.isUnseen {
			unseen = from
			flow.From.Tenant = running(from, choice)
		}

		judged = judged.and(judge(site, flow, port), "it depends on which cluster services "+unseen.Namespace+" runs")
	}

	return judged
}

// running is the tenant where it runs itself those cluster services whose bits are set.
func running(unseen *tenant.Resolved, choice int) *tenant.Resolved {
	resolved := *unseen

	for i, service := range tenant.Services() {
		if choice&(1<<i) != 0 {
			resolved.Services[service] = tenant.Provision{Source: tenant.Own, Namespace: resolved.Namespace}
		}
	}

	return &resolved
}

// and is the verdict in which both agree. Where they don't, why says what it depends on, unless the first did not agree before.
func (f JudgedFlow) and(other JudgedFlow, why string) JudgedFlow {
	f.Allowed = agreed(f.Allowed, other.Allowed)
	f.Leaves, f.Enters = f.Leaves.and(other.Leaves), f.Enters.and(other.Enters)

	if f.Row != 0 && f.Row != other.Row {
		f.Row, f.Why = 0, why
	}

	return f
}

// and is what both say. Policies hold an end whatever services its tenant runs.
func (s JudgedSide) and(other JudgedSide) JudgedSide {
	s.Open = agreed(s.Open, other.Open)
	s.Rules = slices.DeleteFunc(slices.Clone(s.Rules), func(rule string) bool { return !slices.Contains(other.Rules, rule) })

	return s
}

func agreed(one, other *bool) *bool {
	if one == nil || other == nil || *one != *other {
		return nil
	}

	return one
}
