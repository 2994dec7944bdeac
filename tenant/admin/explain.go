// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// Explanation says whether one pod may open connections to another, and by which rule.
type Explanation struct {
	From End `json:"from"`
	To   End `json:"to"`
	// Flows are those that were judged: the port that was asked for, or the ports that the destination declares and then any other.
	Flows []JudgedFlow `json:"flows"`
	// Notes are sentences about what the verdicts can't say: what is unknown, and where they are not enforced.
	Notes []string `json:"notes,omitempty"`
}

// End is one end of the flows, as the rules see it.
type End struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// What it counts as, in a few words.
	What string `json:"what"`
	// Labels of the pod that policies of tenants read.
	Labels map[string]string `json:"labels,omitempty"`
}

// JudgedFlow is a verdict. Both sides are told by the policies themselves, and come to the same.
type JudgedFlow struct {
	Port string `json:"port"`
	// Allowed is nil where nobody can tell.
	Allowed *bool `json:"allowed"`
	// Row is that of the rules of isolation that decides. 0: they say nothing of it, or who asks may not see what decides.
	Row int    `json:"row"`
	Why string `json:"why"`
	// Leaves says what lets the flow out of its source, Enters what lets it into its destination.
	Leaves JudgedSide `json:"leaves"`
	Enters JudgedSide `json:"enters"`
}

// JudgedSide is what the policies at one end say.
type JudgedSide struct {
	// Open is nil where nobody can tell.
	Open *bool `json:"open"`
	// Rules are those that open it. Empty for what is closed, and for what no policy of a tenant holds.
	Rules []string `json:"rules,omitempty"`
	// Held says whether policies of tenants hold this end at all.
	Held bool `json:"held"`
}

// Port is one that a pod listens on.
type Port struct {
	Protocol corev1.Protocol
	// Number is 1 to 65535. 0: one that no rule names.
	Number uint16
}

func (p Port) String() string {
	if p.Number == 0 {
		return "any other"
	}

	return fmt.Sprintf("%d/%s", p.Number, p.Protocol)
}

// Explain judges connections from one pod to another, by the labels that both have now and by what the statuses of the tenants say
// that are seen; of an etcd whose tenant does not run it, by whether it is still there. A nil port means those that the destination declares, and any other.
//
// Of the tenant whose own Tenant can't be seen it tells what holds whatever services that one runs; the rest is unknown. It goes by
// the rules and asks no node: where the rules are not enforced, a note says so.
func Explain(
	ctx context.Context, client kubernetes.Interface, objects dynamic.Interface, seen Seen, from, to types.NamespacedName, port *Port,
) (Explanation, error) {
	look := looker{client: client, objects: objects, tenants: seen.Tenants, below: seen.Below}

	source, err := look.at(ctx, from)
	if err != nil {
		return Explanation{}, err
	}

	destination, err := look.at(ctx, to)
	if err != nil {
		return Explanation{}, err
	}

	if err := look.placeNodes(ctx, source, destination); err != nil {
		return Explanation{}, err
	}

	site, missing := readSite(ctx, client)
	explained := Explanation{From: source.end(), To: destination.end()}

	for _, one := range portsOf(destination.pod, port) {
		explained.Flows = append(explained.Flows, judgeEnds(site, source, destination, one))
	}

	explained.Notes = append(notesOf(site, missing, explained.Flows), look.notes(source, destination)...)
	if source.isUnseen || destination.isUnseen {
		explained.Notes = append(explained.Notes, unreadTenant(seen.Below)+
			": whether its policies are in force is not known here, nor which cluster services it runs")
	}

	return explained, nil
}

// judge is the verdict on one flow. Without a site it says so where the site would have decided.
func judge(site *policy.Site, flow policy.Flow, port Port) JudgedFlow {
	known := policy.Site{}
	if site != nil {
		known = *site
	}

	verdict := known.Verdict(flow)
	leaves, enters := known.Sides(flow)
	judged := JudgedFlow{
		Port: port.String(), Allowed: &verdict.IsAllowed, Row: verdict.Row, Why: verdict.Why,
		Leaves: JudgedSide{&leaves.IsOpen, leaves.Rules, leaves.IsHeld},
		Enters: JudgedSide{&enters.IsOpen, enters.Rules, enters.IsHeld},
	}

	// Of two pods the site decides nothing but at which port the API server is open.
	isLabelled := flow.From.Labels[policy.LabelAllowToAPIServer] == "true"
	if site == nil && leaves.IsHeld && flow.To.Kind == policy.APIServer && isLabelled {
		judged.Allowed, judged.Leaves.Open, judged.Leaves.Rules = nil, nil, nil
		judged.Why = "the label " + policy.LabelAllowToAPIServer + " opens the port of the API server, and which one that is nobody knows"
	}

	return judged
}

// portsOf are the ports to judge.
func portsOf(pod *corev1.Pod, asked *Port) []Port {
	if asked != nil {
		return []Port{*asked}
	}

	var ports []Port

	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, declared := range container.Ports {
			one := Port{Protocol: declared.Protocol, Number: uint16(declared.ContainerPort)}
			if one.Protocol == "" {
				one.Protocol = corev1.ProtocolTCP
			}

			if !slices.Contains(ports, one) {
				ports = append(ports, one)
			}
		}
	}

	return append(ports, Port{Protocol: corev1.ProtocolTCP})
}

// notesOf says what the site, or its absence, makes of verdicts.
func notesOf(site *policy.Site, missing error, flows []JudgedFlow) []string {
	switch {
	case site == nil:
		return []string{"the site of cozy-controller is unknown: " + missing.Error() + "; so nobody can tell which network policies this " +
			"cluster enforces, nor judge what rows 11, 12 and 14 say of addresses and of the API server's port"}
	case site.Enforces == policy.EnforcesNothing:
		return []string{"this cluster enforces no network policies: everything passes, whatever the rules say"}
	}

	var notes []string

	for _, gap := range site.Gaps() {
		if slices.ContainsFunc(flows, func(f JudgedFlow) bool { return f.Row == gap.Row }) {
			notes = append(notes, fmt.Sprintf("row %d is not fully enforced here: %s", gap.Row, gap.Why))
		}
	}

	return notes
}

// notes says of each end's tenant what keeps the rules from being enforced.
func (l looker) notes(ends ...*looked) []string {
	var notes []string

	for _, one := range ends {
		if one.tenant == nil {
			continue
		}

		for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionPoliciesReady} {
			condition := meta.FindStatusCondition(one.tenant.Status.Conditions, kind)
			if condition == nil || condition.Status == metav1.ConditionTrue {
				continue
			}

			note := fmt.Sprintf("tenant %s is not %s (%s): %s", one.tenant.Status.Namespace, kind, condition.Reason, condition.Message)
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}

	return notes
}

// ParsePod reads namespace/pod.
func ParsePod(word string) (types.NamespacedName, error) {
	namespace, name, isPair := strings.Cut(word, "/")
	if !isPair || namespace == "" || name == "" || strings.Contains(name, "/") {
		return types.NamespacedName{}, fmt.Errorf("%q: not a pod as namespace/pod", word)
	}

	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}
