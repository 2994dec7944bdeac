// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// healthyNode is what a control plane answers that is as it should be.
func healthyNode(name string) *nodeFacts {
	return &nodeFacts{
		node: site.Node{Name: name, Role: site.ControlPlane}, seen: sight{state: talos.Ours},
		status: talos.Status{Stage: talos.StageRunning, Ready: true},
		services: map[string]talos.ServiceState{
			"etcd": {State: "Running", Healthy: true}, "kubelet": {State: "Running", Healthy: true},
		},
		members: []talos.EtcdMember{{ID: 1, Hostname: "cp1"}, {ID: 2, Hostname: "cp2"}},
		pods: []talos.StaticPod{
			{Component: talos.APIServer, Ready: true},
			{Component: talos.ControllerManager, Ready: true},
			{Component: talos.Scheduler, Ready: true},
		},
		size:  nodeSize{memory: 4 << 30, ephemeral: 50 << 30},
		clock: clockFacts{status: talos.TimeStatus{Synced: true, Servers: []string{"10.0.0.1"}}},
	}
}

func healthySite() siteFacts {
	return siteFacts{
		nodes: []*nodeFacts{healthyNode("cp1"), healthyNode("cp2")}, planes: []string{"cp1", "cp2"},
		cluster: clusterFacts{health: kube.Health{Nodes: map[string]kube.NodeState{"cp1": {Ready: true}, "cp2": {Ready: true}}}},
	}
}

// row is the outcome of all checks of the first node, by name.
func row(s siteFacts) map[string]string {
	out := map[string]string{}
	for _, r := range s.judge(s.nodes[0], nodeChecks()) {
		out[r.Check] = withReasonOf(r)
	}
	return out
}

func withReasonOf(r CheckResult) string {
	if r.Reason == "" {
		return r.State
	}
	return r.State + ": " + r.Reason
}

// The names and their order are in people's scripts.
func TestTheMatrixHasTheseColumns(t *testing.T) {
	var ids []string
	for _, r := range healthySite().judge(healthyNode("cp1"), nodeChecks()) {
		ids = append(ids, r.Check)
		want := CheckOK
		if r.Check == "kubeProxy" {
			want = CheckSkipped
		}
		require.Equal(t, want, r.State, "%s: %s", r.Check, r.Reason)
	}
	require.Equal(t, []string{
		"apid", "clock", "memory", "disk", "diagnostics", "etcd", "members", "kubelet", "machine", "staticPods", "registered",
		"ready", "kubeProxy", "schedulable",
	}, ids)
}

func TestEachCheckSaysWhatIsWrong(t *testing.T) {
	silent := errors.New("no answer")
	withheld := fmt.Errorf("read: %w", talos.ErrWithheld)
	for name, test := range map[string]struct {
		change      func(siteFacts, *nodeFacts)
		check, want string
	}{
		"clock off":              {func(_ siteFacts, f *nodeFacts) { f.clock.offset = -10 * time.Second }, "clock", "failed: 10s behind this host's clock; in sync with time servers 10.0.0.1"},
		"clock not in sync":      {func(_ siteFacts, f *nodeFacts) { f.clock.status.Synced = false }, "clock", "failed: not in sync with time servers 10.0.0.1"},
		"clock within the limit": {func(_ siteFacts, f *nodeFacts) { f.clock.offset = 4 * time.Second }, "clock", "ok"},
		"clock not read":         {func(_ siteFacts, f *nodeFacts) { f.clock.offsetErr = silent }, "clock", "unknown: no answer"},
		"nobody keeps the clock": {func(_ siteFacts, f *nodeFacts) { f.clock.status = talos.TimeStatus{Disabled: true} }, "clock", "ok"},
		"little memory":          {func(_ siteFacts, f *nodeFacts) { f.size.memory = 1 << 30 }, "memory", "failed: 1024 MiB, and Talos wants 1698 MiB for a controlplane"},
		"a container's memory":   {func(_ siteFacts, f *nodeFacts) { f.size = nodeSize{container: true} }, "memory", "skipped: the node is a container"},
		"a container's disk":     {func(_ siteFacts, f *nodeFacts) { f.size = nodeSize{container: true} }, "disk", "skipped: the node is a container"},
		"small disk":             {func(_ siteFacts, f *nodeFacts) { f.size.ephemeral = 1 << 30 }, "disk", "failed: EPHEMERAL has 1024 MiB, and Talos wants 3932 MiB"},
		"disk not told":          {func(_ siteFacts, f *nodeFacts) { f.size.ephemeralErr = withheld }, "disk", "skipped: this node's Talos does not tell"},
		"a diagnostic":           {func(_ siteFacts, f *nodeFacts) { f.diagnostics = []string{"a: b", "c: d"} }, "diagnostics", "failed: a: b; c: d"},
		"no etcd":                {func(_ siteFacts, f *nodeFacts) { delete(f.services, "etcd") }, "etcd", "failed: the service is not there"},
		"etcd not there yet": {func(_ siteFacts, f *nodeFacts) {
			f.services["etcd"] = talos.ServiceState{State: "Preparing", Message: "Running pre state"}
		}, "etcd", "failed: Preparing: Running pre state"},
		"kubelet ill": {func(_ siteFacts, f *nodeFacts) {
			f.services["kubelet"] = talos.ServiceState{State: "Running", Message: "refused"}
		}, "kubelet", "failed: not healthy: refused"},
		"services not told": {func(_ siteFacts, f *nodeFacts) { f.servicesErr = silent }, "kubelet", "unknown: no answer"},
		"members unknown":   {func(_ siteFacts, f *nodeFacts) { f.members = nil }, "members", "unknown: etcd does not run"},
		"a member too few":  {func(_ siteFacts, f *nodeFacts) { f.members = f.members[:1] }, "members", "failed: etcd has 1 of 2 members: cp1 (1)"},
		"another cluster": {func(_ siteFacts, f *nodeFacts) {
			f.members = []talos.EtcdMember{{ID: 7, Hostname: "cp1"}, {ID: 8, Hostname: "cp2"}}
		}, "members", "failed: it sees cp1 (7), cp2 (8), and cp2 sees cp1 (1), cp2 (2)"},
		"still booting": {func(_ siteFacts, f *nodeFacts) {
			f.status = talos.Status{Stage: talos.StageBooting, Unmet: []talos.Condition{{Name: "time", Reason: "time is not synced"}, {Name: "services", Reason: "etcd not running"}}}
		}, "machine", "failed: booting; time: time is not synced; services: etcd not running"},
		"no scheduler": {func(_ siteFacts, f *nodeFacts) {
			f.pods[0].Ready, f.pods = false, f.pods[:2]
		}, "staticPods", "failed: kube-apiserver is not ready, kube-scheduler is not there"},
		"a stranger to Kubernetes": {func(s siteFacts, _ *nodeFacts) { delete(s.cluster.health.Nodes, "cp1") }, "ready", "failed: not registered in Kubernetes"},
		"cordoned": {func(s siteFacts, _ *nodeFacts) {
			s.cluster.health.Nodes["cp1"] = kube.NodeState{Ready: true, Cordoned: true}
		}, "schedulable", "failed: cordoned"},
		"not Ready": {func(s siteFacts, _ *nodeFacts) { s.cluster.health.Nodes["cp1"] = kube.NodeState{Reason: "no CNI"} }, "ready", "failed: no CNI"},
	} {
		s := healthySite()
		test.change(s, s.nodes[0])
		require.Equal(t, test.want, row(s)[test.check], name)
	}
}

// A dead node is one failed check and many unknown ones, and does not change what is said of the others.
func TestADeadNodeIsUnknownAndHidesNobody(t *testing.T) {
	s := healthySite()
	s.nodes[0] = &nodeFacts{
		node: site.Node{Name: "cp1", Role: site.ControlPlane}, seen: sight{state: talos.Unreachable},
		deaf: &notOursError{state: talos.Unreachable},
	}
	got := row(s)
	require.Equal(t, "failed: it is unreachable", got["apid"])
	require.Equal(t, "unknown: Talos can't be asked", got["kubelet"])
	require.Equal(t, "ok", got["ready"], "Kubernetes still says so")
	require.True(t, allWell(s.judge(s.nodes[1], nodeChecks())))
	require.False(t, allWell(s.judge(s.nodes[0], nodeChecks())))
}

func TestAWorkerIsNotAskedForEtcd(t *testing.T) {
	s := healthySite()
	s.nodes[0].node.Role = site.Worker
	got := row(s)
	for _, check := range []string{"etcd", "members", "staticPods"} {
		require.Equal(t, "skipped: not for a worker", got[check])
	}
	require.Equal(t, "ok", got["kubelet"])
}

func TestKubeProxyIsCheckedWhereThereIsOne(t *testing.T) {
	s := healthySite()
	s.cluster.health.Proxies = map[string]string{"cp1": "pod p is Pending and not ready"}
	require.Equal(t, "failed: pod p is Pending and not ready", row(s)["kubeProxy"])
	s.cluster.health.Proxies = map[string]string{"cp1": ""}
	require.Equal(t, "ok", row(s)["kubeProxy"])
}

func TestTheClusterIsJudgedAsAWhole(t *testing.T) {
	for name, test := range map[string]struct {
		facts    clusterFacts
		api, dns string
	}{
		"never built":  {clusterFacts{err: &NoKubeconfigError{Path: "k"}}, "unknown: there is no kubeconfig yet (k)", "unknown: " + cantAsk},
		"silent":       {clusterFacts{err: errors.New("no route")}, "failed: no route", "unknown: " + cantAsk},
		"without DNS":  {clusterFacts{}, "ok", "skipped: the cluster has no deployment of CoreDNS"},
		"half a DNS":   {clusterFacts{health: kube.Health{DNS: &kube.Replicas{Wanted: 2, Ready: 1}}}, "ok", "failed: 1 of 2 pods are ready"},
		"as it should": {clusterFacts{health: kube.Health{DNS: &kube.Replicas{Wanted: 2, Ready: 2}}}, "ok", "ok"},
	} {
		results := clusterChecks(test.facts)
		require.Equal(t, test.api, withReasonOf(results[0]), name)
		require.Equal(t, test.dns, withReasonOf(results[1]), name)
	}
}

// What is no reason to stop a bring-up is in no gate.
func TestTheGatesAskWhatABringUpNeeds(t *testing.T) {
	s := healthySite()
	s.nodes[0].size.memory, s.nodes[0].diagnostics = 1, []string{"a: b"}
	s.cluster.health.Nodes["cp1"] = kube.NodeState{Ready: false, Reason: "no CNI", Cordoned: true}
	require.True(t, allWell(s.judge(s.nodes[0], controlPlaneAnswers())), "no node is Ready before there is a CNI")
	require.False(t, allWell(s.judge(s.nodes[0], nodesReady())))
	s.cluster.health.Nodes["cp1"] = kube.NodeState{Ready: true, Cordoned: true}
	require.True(t, allWell(s.judge(s.nodes[0], nodesReady())))
}
