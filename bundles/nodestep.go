// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodeStep is one thing that a package asks when a node is taken out of the cluster. Exactly one of RefuseWhile, WaitWhile, Label,
// Exec and ByHand says what. Each looks first at what is there, so that all of them may be done again.
type NodeStep struct {
	Title string `json:"title"` // an imperative: "evacuate its volumes"
	// Role is the nodes' that it is about: controlplane or worker. Empty: any.
	Role string `json:"role,omitempty"`
	// Node is the state that it is for: running or dead, which is one that does not answer. Empty: both.
	Node string `json:"node,omitempty"`
	// At is when: StepLeave or StepGone. Empty: StepLeave. What refuses is asked before anything is done, and has none.
	At string `json:"at,omitempty"`
	// Timeout bounds what waits. Zero: DefaultStepTimeout; at most MaxStepTimeout.
	Timeout metav1.Duration `json:"timeout,omitzero"`

	// RefuseWhile lets nothing begin while there are such objects.
	RefuseWhile *StepObjects `json:"refuseWhile,omitempty"`
	// WaitWhile waits until there are none.
	WaitWhile *StepObjects `json:"waitWhile,omitempty"`
	// Label sets labels of the Node object, which go with it.
	Label map[string]string `json:"label,omitempty"`
	// Exec runs a command in a pod.
	Exec *StepExec `json:"exec,omitempty"`
	// ByHand is for a person to do. It is a risk to accept.
	ByHand *StepByHand `json:"byHand,omitempty"`
}

// When a step is done.
const (
	StepLeave = "leave" // the node is drained, and not wiped yet
	StepGone  = "gone"  // it is wiped, and its Node object deleted
)

// States of a node that a step can be for.
const (
	NodeRunning = "running"
	NodeDead    = "dead"
)

// Roles of a node, by Talos's names.
const (
	RoleControlPlane = "controlplane"
	RoleWorker       = "worker"
)

// Bounds of a step's waiting.
const (
	DefaultStepTimeout = 10 * time.Minute
	MaxStepTimeout     = 24 * time.Hour
)

// StepObjects selects objects of one kind.
type StepObjects struct {
	APIVersion string `json:"apiVersion"` // piraeus.io/v1
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"` // Empty: all, and what is in none
	// Where is a CEL expression over object and node (its name and address), true for those that are meant. One that can't be
	// told of an object is an error. https://github.com/google/cel-spec, with optional fields: object.?spec.?nodeName.orValue('')
	Where string `json:"where"`
	// Lists are further variables of Where, by name: every object of another kind, wherever it is. Nil: none.
	Lists map[string]StepList `json:"lists,omitempty"`
	Hint  string              `json:"hint,omitempty"` // what a person can do about them. Only ByHand has none
}

// StepList is all objects of one kind.
type StepList struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// StepByHand is what nothing here can do safely.
type StepByHand struct {
	Do string `json:"do"` // in words
	// While there are such objects it is left to do. Nil: always.
	While *StepObjects `json:"while,omitempty"`
}

// StepExec runs a fixed command in a ready pod. The words may contain ${node.name} and ${node.address}; no shell sees them.
type StepExec struct {
	Namespace string `json:"namespace"`
	Pods      string `json:"pods"` // a label selector: ovn-nb-leader=true
	Container string `json:"container"`
	// Look tells how things are, and changes nothing. Done and Safe are CEL expressions over its output (a text) and node.
	Look []string `json:"look"`
	Done string   `json:"done"` // true: nothing is left to do
	// Safe must be true for Run to be run: that what is there was understood, and that the rest does without the node.
	Safe string   `json:"safe"`
	Run  []string `json:"run"`
	Hint string   `json:"hint"` // what a person can do when it does not come to an end
}

// StepNode is the node that leaves, as steps see it.
type StepNode struct {
	Name    string
	Address string // 192.168.1.11
	Role    string // RoleControlPlane or RoleWorker
	Running bool
}

// For says whether the step is about that node.
func (s NodeStep) For(node StepNode) bool {
	state := NodeDead
	if node.Running {
		state = NodeRunning
	}
	return (s.Role == "" || s.Role == node.Role) && (s.Node == "" || s.Node == state)
}

// When is At with its default. Empty: before anything is done.
func (s NodeStep) When() string {
	switch {
	case s.RefuseWhile != nil:
		return ""
	case s.At == "":
		return StepLeave
	default:
		return s.At
	}
}

// Limit is Timeout with its default.
func (s NodeStep) Limit() time.Duration {
	if s.Timeout.Duration == 0 {
		return DefaultStepTimeout
	}
	return s.Timeout.Duration
}

// Fill puts the node's name and address into the words of a command.
func (n StepNode) Fill(words []string) []string {
	replace := strings.NewReplacer("${node.name}", n.Name, "${node.address}", n.Address)
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = replace.Replace(word)
	}
	return out
}
