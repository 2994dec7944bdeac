// SPDX-License-Identifier: Apache-2.0

package policy

// Gap is a row that a cluster can't enforce as it stands.
type Gap struct {
	Row int
	// Why is a sentence for people, without a full stop.
	Why string
}

// Gaps are the rows that Kubernetes NetworkPolicy can't express (kubernetes.io, Network Policies: what you can't do with them).
// With Cilium there are none.
func (s Site) Gaps() []Gap {
	if s.Enforces != EnforcesKubernetes {
		return nil
	}

	return []Gap{
		{2, "nodes are known by their addresses only: a network that knows them otherwise, as Cilium does, keeps out those that run the " +
			"API server, unless it lets everything in that comes from nodes"},
		{5, "what has an address of the API server reaches etcd as well: it is not told from the API server"},
		{11, "whether a pod reaches the API server through the Service kubernetes is up to the network: its address may be judged " +
			"before or after translation, and not at all where the network knows nodes otherwise"},
		{12, "the node that a pod runs on is always open to it, and the addresses of the API server, its virtual IP among them, are to " +
			"pods with the label " + LabelAllowToAPIServer + "; a node that joined after the last `cozy-install up` is open to all pods where " +
			"the site's ranges do not hold its address, until up is run again"},
		{14, "addresses of Services and load balancers may be judged before or after translation"},
		{15, "world is whatever comes from no pod's address: a network that hides where traffic comes from hides pods in it, and one " +
			"that knows nodes otherwise than by address keeps out what they pass on"},
		{16, "what has an address of the API server reaches every pod: it is not told from the API server"},
	}
}
