// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// The outcomes of a check. What could not be asked is unknown, which is not failed; what does not concern the node, or
// what its Talos does not tell, is skipped.
const (
	CheckOK      = "ok"
	CheckFailed  = "failed"
	CheckUnknown = "unknown"
	CheckSkipped = "skipped"
)

// CheckResult is the outcome of one check of a node, or of the whole cluster.
type CheckResult struct {
	// Check is the check's name, which never changes: see nodeChecks and clusterChecks.
	Check string `json:"check"`
	// State is ok, failed, unknown or skipped.
	State string `json:"state"`
	// Reason says why it is not ok.
	Reason string `json:"reason,omitempty"`
}

// healthTimeout bounds all questions to one node. A node that is up answers each in milliseconds, but for its clock, which
// it tells after it has asked a time server.
const healthTimeout = 30 * time.Second

// nodeFacts is what a node answered, each with why it did not.
type nodeFacts struct {
	node site.Node
	seen sight
	// deaf is why Talos on the node can't be asked anything; nil if it can.
	deaf error

	status      talos.Status
	statusErr   error
	services    map[string]talos.ServiceState // nil until asked
	servicesErr error
	members     []talos.EtcdMember // nil where etcd does not run
	membersErr  error
	pods        []talos.StaticPod
	podsErr     error
	size        nodeSize
	diagnostics []string
	diagErr     error
	clock       clockFacts
}

// clusterFacts is what the Kubernetes API answered.
type clusterFacts struct {
	health kube.Health
	err    error // why it did not
}

// siteFacts is everything that was learned of a site in one look.
type siteFacts struct {
	nodes   []*nodeFacts
	cluster clusterFacts
	planes  []string // names of the control planes that are expected
	further []string // names of all control planes, also of those that a run goes on without
}

// examine asks all nodes what the checks need, side by side, and the cluster beside them. A node that does not answer costs
// the others nothing.
func (b *bringup) examine(ctx context.Context, nodes []site.Node, checks []nodeCheck) (siteFacts, error) {
	creds, credsErr := b.credentials()
	clocks, err := serveTime(ctx)
	if err != nil {
		return siteFacts{}, err
	}
	defer clocks.close()
	out := siteFacts{nodes: make([]*nodeFacts, len(nodes)), planes: names(b.expectedPlanes()), further: names(b.controlPlanes())}
	var viewing sync.WaitGroup
	viewing.Go(func() { out.cluster = b.clusterView(ctx) })
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range nodes {
		facts := &nodeFacts{node: node, deaf: credsErr}
		out.nodes[i] = facts
		group.Go(func() error {
			if credsErr == nil {
				facts.seen, facts.deaf = b.look(ctx, node, creds)
				b.interview(ctx, facts, checks, clocks)
			}
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	viewing.Wait()
	return out, ctx.Err()
}

// interview asks one node everything that the checks need.
func (b *bringup) interview(ctx context.Context, facts *nodeFacts, checks []nodeCheck, clocks *timeServer) {
	if facts.deaf == nil && facts.seen.state != talos.Ours {
		facts.deaf = &notOursError{state: facts.seen.state}
	}
	if facts.deaf != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	client, err := b.dial(ctx, facts.node)
	if err != nil {
		facts.deaf = err
		return
	}
	defer client.Close()
	for _, check := range checks {
		if check.ask != nil && check.concerns(facts.node) {
			check.ask(ctx, client, facts, clocks)
		}
	}
}

// notOursError says how a node answers that is not, or not yet, one of the cluster's.
type notOursError struct{ state talos.State }

func (e *notOursError) Error() string {
	if e.state == talos.Maintenance {
		return "it is in maintenance mode, without a config"
	}
	return "it is " + string(e.state)
}

// judge gives a row of the matrix: the outcome of each check of one node, in their order.
func (s siteFacts) judge(facts *nodeFacts, checks []nodeCheck) []CheckResult {
	out := make([]CheckResult, 0, len(checks))
	for _, check := range checks {
		result := CheckResult{Check: check.id, State: CheckSkipped}
		switch {
		case !check.concerns(facts.node):
			result.Reason = "not for a " + facts.node.Role
		case check.ask != nil && facts.deaf != nil:
			result.State, result.Reason = CheckUnknown, "Talos can't be asked"
		default:
			result.State, result.Reason = check.judge(s, facts)
		}
		out = append(out, result)
	}
	return out
}

// Outcomes, in short.

func passed() (state, reason string) { return CheckOK, "" }

func failed(format string, args ...any) (state, reason string) {
	return CheckFailed, fmt.Sprintf(format, args...)
}

// unanswered is the outcome of a check whose question failed.
func unanswered(err error) (state, reason string) {
	if errors.Is(err, talos.ErrWithheld) {
		return CheckSkipped, "this node's Talos does not tell"
	}
	return CheckUnknown, err.Error()
}

// allWell says whether no check failed and none is unknown.
func allWell(results []CheckResult) bool {
	return !slices.ContainsFunc(results, func(r CheckResult) bool { return r.State == CheckFailed || r.State == CheckUnknown })
}
