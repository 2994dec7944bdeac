// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

func TestEverythingWrongWithStepsIsSaidAtOnce(t *testing.T) {
	_, err := Load(tree(set("a", "a"), pkg("a", `nodeRemoval:
  - {role: worker}
  - {title: x, role: master, node: ill, at: never, timeout: 25h, label: {"a b": "c d"}}
  - {title: x, at: leave, refuseWhile: {apiVersion: a/b/c, kind: "", namespace: "A b", where: "object.x", hint: ""}}
  - {title: x, waitWhile: {apiVersion: v1, kind: Pod, where: "object.", hint: h}}
  - {title: x, at: gone, label: {a: b}}
  - {title: x, label: {a: b}, byHand: {do: ""}}
  - {title: x, exec: {namespace: n, pods: "", container: c, look: [a, "${node.ip}"], done: "true", safe: "size(output)"}}`)))
	all := strings.Join(problems(t, err), "\n")
	for _, want := range []string{
		`nodeRemoval[0].title: missing`,
		`nodeRemoval[0]: 0 of refuseWhile, waitWhile, label, exec and byHand; it must be one`,
		`nodeRemoval[1].role: "master": not controlplane or worker`,
		`nodeRemoval[1].node: "ill": not running or dead`,
		`nodeRemoval[1].at: "never": not leave or gone`,
		`nodeRemoval[1].timeout: "25h0m0s": not between 0 and 24h0m0s`,
		`nodeRemoval[1].label: "a b": `,
		`nodeRemoval[1].label.a b: "c d": `,
		`nodeRemoval[2].refuseWhile.apiVersion: "a/b/c": not an API's group and version`,
		`nodeRemoval[2].refuseWhile.kind: missing`,
		`nodeRemoval[2].refuseWhile.namespace: "A b": `,
		`nodeRemoval[2].refuseWhile.where: "object.x": a CEL expression of type dyn, not bool`,
		`nodeRemoval[2].refuseWhile.hint: missing`,
		`nodeRemoval[2].at: "leave": what refuses is asked before anything is done`,
		`nodeRemoval[3].waitWhile.where: "object.": not a CEL expression`,
		`nodeRemoval[4].at: "gone": the Node object is deleted by then`,
		`nodeRemoval[5]: 2 of refuseWhile`,
		`nodeRemoval[5].byHand.do: missing`,
		`nodeRemoval[6].exec.pods: "": not a label selector`,
		`nodeRemoval[6].exec.look[1]: "${node.ip}": ${node.name} and ${node.address} are all there is`,
		`nodeRemoval[6].exec.run: missing`,
		`nodeRemoval[6].exec.safe: "size(output)": a CEL expression of type int, not bool`,
		`nodeRemoval[6].exec.hint: missing`,
	} {
		require.Contains(t, all, want)
	}
	_, err = Load(tree(set("a", "a"), pkg("a", "nodeRemoval: [move the replicas]")))
	require.ErrorContains(t, err, "cannot unmarshal string into Go struct field")
}

func TestAStepIsForSomeNodes(t *testing.T) {
	plane := StepNode{Role: RoleControlPlane, Running: true}
	require.True(t, NodeStep{}.For(plane))
	require.True(t, NodeStep{Role: RoleControlPlane, Node: NodeRunning}.For(plane))
	require.False(t, NodeStep{Role: RoleWorker}.For(plane))
	require.False(t, NodeStep{Node: NodeDead}.For(plane))
	require.Equal(t, DefaultStepTimeout, NodeStep{}.Limit())
	require.Equal(t, StepLeave, NodeStep{}.When())
	require.Empty(t, NodeStep{RefuseWhile: &StepObjects{}}.When())
}

// step is a step of a package as it is shipped.
func step(t *testing.T, of, title string) NodeStep {
	t.Helper()
	p, ok := load(t, Data()).Package(of)
	require.True(t, ok)
	for _, one := range p.NodeRemoval {
		if one.Title == title {
			return one
		}
	}
	t.Fatalf("%s has no step %q", of, title)
	return NodeStep{}
}

// chosen are the names of those of the objects, as YAML documents, that a selection means.
func chosen(t *testing.T, o *StepObjects, documents string) []string {
	t.Helper()
	var objects []map[string]any
	for _, document := range strings.Split(documents, "\n---\n") {
		var object map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(document), &object))
		objects = append(objects, object)
	}
	found, err := o.Select(objects, nil, StepNode{Name: "w1", Address: "10.0.0.7"})
	require.NoError(t, err)
	names := []string{}
	for _, object := range found {
		names = append(names, object["metadata"].(map[string]any)["name"].(string))
	}
	return names
}

func TestMachinesThatCannotMoveKeepTheirNode(t *testing.T) {
	vmi := func(name, more string) string {
		return fmt.Sprintf("metadata: {name: %s}\nstatus: {nodeName: w1, phase: Running, conditions: [{type: LiveMigratable, status: %q}]}\n%s", name, more, "")
	}
	kept := step(t, "kubevirt", "check that the node's virtual machines can be moved alive").RefuseWhile
	require.Equal(t, []string{"fixed", "asks"}, chosen(t, kept, strings.Join([]string{
		vmi("fixed", "False"), vmi("moves", "True"),
		"metadata: {name: asks}\nspec: {evictionStrategy: LiveMigrate}\nstatus: {nodeName: w1, phase: Running}",
		"metadata: {name: agrees}\nspec: {evictionStrategy: LiveMigrateIfPossible}\nstatus: {nodeName: w1, phase: Running}",
		"metadata: {name: ended}\nstatus: {nodeName: w1, phase: Succeeded}",
		"metadata: {name: elsewhere}\nstatus: {nodeName: w2, phase: Running}",
		"metadata: {name: pending}\nspec: {}",
	}, "\n---\n")))
}

func TestVolumesOfOneNodeKeepIt(t *testing.T) {
	pv := func(name, driver, values string) string {
		return fmt.Sprintf("metadata: {name: %s}\nspec: {csi: {driver: %s}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: "+
			"[{key: linbit.com/hostname, operator: In, values: [%s]}]}]}}}", name, driver, values)
	}
	kept := step(t, "linstor", "check that no volume is on this node alone").RefuseWhile
	either := strings.Replace(pv("either", "linstor.csi.linbit.com", "w1"), "}]}]}}}", "}]}, {matchExpressions: "+
		"[{key: linbit.com/hostname, operator: In, values: [w2]}]}]}}}", 1)
	require.Equal(t, []string{"here"}, chosen(t, kept, strings.Join([]string{
		either, strings.Replace(pv("other key", "linstor.csi.linbit.com", "w1"), "linbit.com/hostname", "linbit.com/sp/data", 1),
		"metadata: {name: no terms}\nspec: {csi: {driver: linstor.csi.linbit.com}, nodeAffinity: {required: {nodeSelectorTerms: []}}}",
		pv("here", "linstor.csi.linbit.com", "w1"), pv("there", "linstor.csi.linbit.com", "w2"), pv("both", "linstor.csi.linbit.com", "w1, w2"),
		pv("other", "nfs.csi.k8s.io", "w1"), "metadata: {name: anywhere}\nspec: {csi: {driver: linstor.csi.linbit.com}}",
		"metadata: {name: directory}\nspec: {hostPath: {path: /x}}",
	}, "\n---\n")))
}

func TestASatelliteThatWouldBeForgottenKeepsItsNode(t *testing.T) {
	kept := step(t, "linstor", "check that LINSTOR evacuates a node that leaves").RefuseWhile
	for spec, refused := range map[string]bool{"{}": true, "{deletionPolicy: Retain}": true, "{deletionPolicy: Evacuate}": false} {
		require.Equal(t, refused, len(chosen(t, kept, "metadata: {name: w1}\nspec: "+spec)) == 1, spec)
	}
	require.Empty(t, chosen(t, kept, "metadata: {name: w2}\nspec: {}"))
}

// leaderStatus is what cluster/status prints at a leader, with members at these addresses; its form is that of
// raft_unixctl_status in Open vSwitch's ovsdb/raft.c.
func leaderStatus(addresses ...string) string {
	out := "f2b5\nName: OVN_Northbound\nAddress: ssl:[10.0.0.1]:6643\nStatus: cluster member\nRole: leader\nTerm: 3\nServers:\n"
	for i, address := range addresses {
		out += fmt.Sprintf("    f2b%d (f2b%d at ssl:[%s]:6643)\n", i, i, address)
	}
	return out
}

func TestAMemberOfOVNIsKickedWhereThatIsSafe(t *testing.T) {
	e := step(t, "kube-ovn", "take the node out of OVN's northbound database").Exec
	node := StepNode{Name: "cp2", Address: "10.0.0.2"}
	require.Equal(t, []string{"ovn-appctl", "-t", "/var/run/ovn/ovnnb_db.ctl", "cluster/kick", "OVN_Northbound", "ssl:[10.0.0.2]:6643"}, node.Fill(e.Run))
	for name, test := range map[string]struct {
		output     string
		done, safe bool
	}{
		"a member of three":  {leaderStatus("10.0.0.1", "10.0.0.2", "10.0.0.3"), false, true},
		"a member by TCP":    {strings.ReplaceAll(leaderStatus("10.0.0.1", "10.0.0.2", "10.0.0.3"), "ssl:", "tcp:"), false, false},
		"gone":               {leaderStatus("10.0.0.1", "10.0.0.3"), true, true},
		"another like it":    {leaderStatus("10.0.0.1", "10.0.0.21"), true, true},
		"the only one":       {leaderStatus("10.0.0.2"), false, false},
		"not from a leader":  {strings.Replace(leaderStatus("10.0.0.1", "10.0.0.3"), "leader", "follower", 1), false, false},
		"it left":            {strings.Replace(leaderStatus("10.0.0.1", "10.0.0.3"), "cluster member", "left cluster", 1), false, false},
		"nothing understood": {"", false, false},
	} {
		done, err := e.IsDone(test.output, node)
		require.NoError(t, err)
		safe, err := e.IsSafe(test.output, node)
		require.NoError(t, err)
		require.Equal(t, []bool{test.done, test.safe}, []bool{done, safe}, name)
	}
}

func TestWhatCannotBeJudgedIsAnError(t *testing.T) {
	o := StepObjects{Where: "object.status.nodeName == node.name"}
	_, err := o.Select([]map[string]any{{"metadata": map[string]any{}}}, nil, StepNode{})
	require.ErrorContains(t, err, "no such key: status")
	start := time.Now()
	many := make([]any, 1<<10)
	for i := range many {
		many[i] = "x"
	}
	o.Where = "object.l.all(a, object.l.all(b, a == b))"
	_, err = o.Select([]map[string]any{{"l": many}}, nil, StepNode{})
	require.ErrorContains(t, err, "cost limit exceeded")
	require.Less(t, time.Since(start), time.Minute)
}

func TestPodsOfOVNThatEndedAreNotWaitedFor(t *testing.T) {
	pod := func(name, meta, status string) string {
		return fmt.Sprintf("metadata: {name: %s, labels: {app: ovn-central}%s}\nspec: {nodeName: cp2}\nstatus: {%s}", name, meta, status)
	}
	kept := step(t, "kube-ovn", "wait until OVN runs on the other control planes").WaitWhile
	require.Equal(t, []string{"starts", "ill"}, chosen(t, kept, strings.Join([]string{
		pod("starts", "", ""), pod("ill", "", "phase: Running, conditions: [{type: Ready, status: 'False'}]"),
		pod("fine", "", "phase: Running, conditions: [{type: Ready, status: 'True'}]"),
		pod("evicted", "", "phase: Failed"), pod("ended", "", "phase: Succeeded"),
		pod("goes", ", deletionTimestamp: '2026-01-01T00:00:00Z'", "phase: Running"),
	}, "\n---\n")))
}

func TestASatelliteThatIsAwayKeepsOthersFromLeaving(t *testing.T) {
	kept := step(t, "linstor", "check that LINSTOR runs on all other nodes").RefuseWhile
	satellite := func(name, status string) string {
		return fmt.Sprintf("metadata: {name: %s}\nstatus: {conditions: [{type: Configured, status: %q}]}", name, status)
	}
	require.Equal(t, []string{"w3", "w4"}, chosen(t, kept, strings.Join([]string{
		satellite("w1", "Unknown"), satellite("w2", "True"), satellite("w3", "Unknown"), "metadata: {name: w4}",
	}, "\n---\n")), "that of the node itself is let go")
}

func TestADeadSatelliteIsWaitedForWhenItsNodeIsGone(t *testing.T) {
	last := step(t, "linstor", "wait until LINSTOR has forgotten the node")
	require.Equal(t, StepGone, last.When())
	require.True(t, last.For(StepNode{Name: "w1"}))
	require.False(t, last.For(StepNode{Name: "w1", Running: true}))
	require.Equal(t, []string{"w1"}, chosen(t, last.WaitWhile, "metadata: {name: w1}\n---\nmetadata: {name: w2}"))
}

func TestNothingWaitsForAnAuthorityElsewhere(t *testing.T) {
	issuers, _ := load(t, Data()).Package("cert-manager-issuers")
	for _, c := range issuers.Health.Conditions {
		require.Equal(t, "selfsigned-cluster-issuer", c.Name, "LINSTOR waits for what has no name too")
	}
	agents, _ := load(t, Data()).Package("monitoring-agents")
	require.Contains(t, agents.After, "storage-classes", "its volumes")
}
