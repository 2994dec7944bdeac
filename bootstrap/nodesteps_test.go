// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bundles"
)

// stepsCluster stands in for a cluster whose operators do what a test says.
type stepsCluster struct {
	objects map[string][]map[string]any // by kind
	labels  map[string]string
	// output answers commands; failing, nobody does.
	output func(words []string) (string, error)
	// looked is told of each look at objects; it may change them.
	looked func(kind string)
	err    error
}

func (c *stepsCluster) Objects(_ context.Context, _, kind, _ string) ([]map[string]any, error) {
	if c.looked != nil {
		c.looked(kind)
	}
	return c.objects[kind], c.err
}

func (c *stepsCluster) LabelNode(_ context.Context, _ string, labels map[string]string) error {
	c.labels = labels
	return c.err
}

func (c *stepsCluster) Exec(_ context.Context, command kube.Command) (string, error) {
	return c.output(command.Words)
}

// shippedSteps are those of a package, for a node, at a moment.
func shippedSteps(t *testing.T, name string, node bundles.StepNode, when string) (out []nodeStep) {
	t.Helper()
	catalog, err := bundles.Load(bundles.Data())
	require.NoError(t, err)
	p, ok := catalog.Package(name)
	require.True(t, ok)
	for _, step := range p.NodeRemoval {
		if step.For(node) && step.When() == when {
			out = append(out, nodeStep{step, name})
		}
	}
	require.NotEmpty(t, out)
	return out
}

func stepObject(name string, parts map[string]any) map[string]any {
	out := map[string]any{"metadata": map[string]any{"name": name}}
	for key, value := range parts {
		out[key] = value
	}
	return out
}

func satellite(message string) map[string]any {
	return stepObject("w1", map[string]any{
		"spec": map[string]any{"deletionPolicy": "Evacuate"},
		"status": map[string]any{"conditions": []any{
			map[string]any{"type": "Available", "status": "True", "message": "ONLINE"},
			map[string]any{"type": "SatelliteEvacuated", "status": "False", "message": message},
		}},
	})
}

// showsIn collects what is shown, as lines.
func showsIn(lines *[]string) phase.Tell {
	return func(item phase.Item) { *lines = append(*lines, item.String()) }
}

var (
	worker1 = bundles.StepNode{Name: "w1", Address: "10.0.0.7", Role: bundles.RoleWorker, Running: true}
	plane2  = bundles.StepNode{Name: "cp2", Address: "10.0.0.2", Role: bundles.RoleControlPlane, Running: true}
)

func TestLINSTORIsLeftWhenItsOperatorHasMovedEverything(t *testing.T) {
	c := &stepsCluster{objects: map[string][]map[string]any{
		"VolumeAttachment": {stepObject("a1", map[string]any{"spec": map[string]any{"attacher": "linstor.csi.linbit.com", "nodeName": "w1"}})},
		"LinstorSatellite": {satellite("Waiting on remaining resources and snapshots: resources: [pvc-1] snapshots: []")},
	}}
	looks := map[string]int{}
	c.looked = func(kind string) {
		looks[kind]++
		if kind == "LinstorSatellite" {
			require.Equal(t, map[string]string{"cozystack.io/leaves-storage": "true"}, c.labels, "it is labelled before, and attached to nothing")
			require.Empty(t, c.objects["VolumeAttachment"])
		}
		if looks[kind] == 2 {
			c.objects[kind] = nil // late
		}
	}
	var lines []string
	require.NoError(t, doAll(t.Context(), c, worker1, shippedSteps(t, "linstor", worker1, bundles.StepLeave), showsIn(&lines)))
	all := strings.Join(lines, "\n")
	require.Contains(t, all, "VolumeAttachment a1")
	require.Contains(t, all, "LinstorSatellite w1 (SatelliteEvacuated: Waiting on remaining resources and snapshots: resources: [pvc-1] snapshots: [])")
	require.True(t, strings.HasSuffix(lines[len(lines)-1], "is done"), all)

	c.labels, c.looked = nil, nil
	require.NoError(t, doAll(t.Context(), c, worker1, shippedSteps(t, "linstor", worker1, bundles.StepLeave), showsIn(&lines)), "once more")
}

func TestVolumesThatDoNotGoAreNamedWhenTheTimeIsOver(t *testing.T) {
	steps := shippedSteps(t, "linstor", worker1, bundles.StepLeave)
	for i := range steps {
		steps[i].Timeout = metav1.Duration{Duration: time.Second}
	}
	c := &stepsCluster{objects: map[string][]map[string]any{"LinstorSatellite": {satellite("remaining resources: pvc-7,\x1b[31m pvc-8")}}}
	err := doAll(t.Context(), c, worker1, steps, func(phase.Item) {})
	var endless *UnendingStepError
	require.ErrorAs(t, err, &endless)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "linstor: wait until LINSTOR has moved every copy to other nodes")
	require.ErrorContains(t, err, "remaining resources: pvc-7, [31m pvc-8")
	require.Contains(t, endless.Hint(), "kubectl uncordon w1")
	require.Contains(t, endless.Hint(), "add one (cozy-install node add)")
}

func TestWhatKeepsANodeIsSaidAtOnce(t *testing.T) {
	steps := append(shippedSteps(t, "kubevirt", worker1, ""), shippedSteps(t, "linstor", worker1, "")...)
	c := &stepsCluster{objects: map[string][]map[string]any{
		"VirtualMachineInstance": {stepObject("db", map[string]any{"status": map[string]any{"nodeName": "w1", "phase": "Running"}})},
		"LinstorCluster":         {stepObject("linstorcluster", nil)},
		"LinstorSatellite":       {stepObject("w1", nil)},
	}}
	err := refuse(t.Context(), c, worker1, steps)
	var refused *RefusedStepsError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Refused, 3)
	require.ErrorContains(t, err, "nothing was done, because node w1 can't go: kubevirt: check that the node's virtual machines can be moved alive: VirtualMachineInstance db")
	require.Equal(t, 1, strings.Count(refused.Hint(), "cozy-install bundle install"), refused.Hint())

	c.err = errors.New("connection refused")
	require.ErrorIs(t, refuse(t.Context(), c, worker1, steps), c.err, "what can't be looked at is not taken for nothing")
	require.NoError(t, refuse(t.Context(), &stepsCluster{}, worker1, steps))
}

// ovn stands in for the OVN of three control planes, whose leader's status has the form of Open vSwitch's ovsdb/raft.c.
type ovn struct {
	members map[string][]string // addresses, by database
	kicks   int
	deaf    int // kicks that are lost
}

func (o *ovn) answer(words []string) (string, error) {
	command, database := words[3], words[4]
	port := map[string]string{"OVN_Northbound": "6643", "OVN_Southbound": "6644"}[database]
	if command == "cluster/kick" {
		o.kicks++
		if o.kicks > o.deaf {
			o.members[database] = slices.DeleteFunc(o.members[database], func(a string) bool { return words[5] == "ssl:["+a+"]:"+port })
		}
		return "started removal", nil
	}
	out := "Name: " + database + "\nStatus: cluster member\nRole: leader\nServers:\n"
	for _, address := range o.members[database] {
		out += fmt.Sprintf("    f2b5 (f2b5 at ssl:[%s]:%s)\n", address, port)
	}
	return out, nil
}

func TestAControlPlaneLeavesBothOfOVNsDatabases(t *testing.T) {
	all := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}
	o := &ovn{members: map[string][]string{"OVN_Northbound": all, "OVN_Southbound": slices.Clone(all)}, deaf: 1}
	c := &stepsCluster{output: o.answer}
	steps := shippedSteps(t, "kube-ovn", plane2, bundles.StepLeave)
	var lines []string
	require.NoError(t, doAll(t.Context(), c, plane2, steps, showsIn(&lines)))
	for database, members := range o.members {
		require.Equal(t, []string{"10.0.0.1", "10.0.0.3"}, members, database)
	}
	require.Equal(t, 3, o.kicks, "the lost one was asked for again")
	require.NoError(t, doAll(t.Context(), c, plane2, shippedSteps(t, "kube-ovn", plane2, bundles.StepGone), showsIn(&lines)))
	require.Equal(t, 3, o.kicks, "and is not when it is gone")
}

func TestTheLastMemberOfOVNIsNotKicked(t *testing.T) {
	o := &ovn{members: map[string][]string{"OVN_Northbound": {"10.0.0.2"}, "OVN_Southbound": {"10.0.0.2"}}}
	steps := shippedSteps(t, "kube-ovn", plane2, bundles.StepLeave)
	for i := range steps {
		steps[i].Timeout = metav1.Duration{Duration: time.Second}
	}
	err := doAll(t.Context(), &stepsCluster{output: o.answer}, plane2, steps, func(phase.Item) {})
	require.ErrorContains(t, err, "not safe as things are")
	require.Zero(t, o.kicks)

	ill := &kube.NotYetError{What: "ready", Reasons: []string{"no pod ovn-nb-leader=true in cozy-kubeovn"}}
	err = doAll(t.Context(), &stepsCluster{output: func([]string) (string, error) { return "", ill }}, plane2, steps, func(phase.Item) {})
	require.ErrorContains(t, err, "no pod ovn-nb-leader=true in cozy-kubeovn")
}

func TestAWorkerAsksNothingOfOVN(t *testing.T) {
	catalog, err := bundles.Load(bundles.Data())
	require.NoError(t, err)
	p, _ := catalog.Package("kube-ovn")
	for _, step := range p.NodeRemoval {
		require.False(t, step.For(worker1), step.Title)
	}
}

func TestAPersonIsAskedOnlyForWhatIsLeftOfADeadNode(t *testing.T) {
	dead := worker1
	dead.Running = false
	catalog, err := bundles.Load(bundles.Data())
	require.NoError(t, err)
	p, _ := catalog.Package("linstor")
	c := &stepsCluster{objects: map[string][]map[string]any{"LinstorSatellite": {satellite("x")}}}
	ask := func(node bundles.StepNode) (l leaving) {
		for _, step := range p.NodeRemoval {
			is, err := asks(t.Context(), c, step, node)
			require.NoError(t, err)
			if is {
				l.steps = append(l.steps, nodeStep{step, p.Name})
			}
		}
		return l
	}
	risks := ask(dead).byHand()
	require.Len(t, risks, 1)
	require.Equal(t, RiskPackageSteps, risks[0].Name)
	require.Contains(t, risks[0].Why, "linstor node lost")
	require.Empty(t, ask(worker1).byHand(), "of one that runs nothing is asked")
	c.objects = nil
	require.Empty(t, ask(dead).byHand(), "nor where LINSTOR has left already")
}
