// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/bundles"
)

// stepCluster is what steps need of a cluster.
type stepCluster interface {
	Objects(ctx context.Context, apiVersion, kind, namespace string) ([]map[string]any, error)
	LabelNode(ctx context.Context, name string, labels map[string]string) error
	Exec(ctx context.Context, command kube.Command) (string, error)
}

// refuse gives everything that keeps a node from going, at once.
func refuse(ctx context.Context, cluster stepCluster, node bundles.StepNode, steps []nodeStep) error {
	refused := &RefusedStepsError{Node: node.Name}
	for _, step := range steps {
		found, err := selectedIfAny(ctx, cluster, *step.RefuseWhile, node)
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		if len(found) > 0 {
			refused.Refused = append(refused.Refused, Refusal{Step: step.String(), Objects: found, Hint: step.RefuseWhile.Hint})
		}
	}
	if len(refused.Refused) == 0 {
		return nil
	}
	return refused
}

// Words for how far a step is.
const (
	stepRuns  = "running"
	stepEnded = "done"
	stepTaken = "taken for done"
	stepFails = "failed"
)

// doAll does steps one after another. The first that does not end is an *UnendingStepError.
func doAll(ctx context.Context, cluster stepCluster, node bundles.StepNode, steps []nodeStep, tell phase.Tell) error {
	for i, step := range steps {
		item := phase.Item{Name: step.String(), State: stepRuns, Is: phase.Started}
		tell(item)
		hint, err := doOne(ctx, cluster, node, step, func(reason string) {
			item.Message = reason
			tell(item)
		})
		if err != nil {
			item.State, item.Is, item.Message = stepFails, phase.Failed, err.Error()
			tell(item)
			return unending(node, steps[:i+1], step, hint, err)
		}
		item.State, item.Is, item.Message = stepEnded, phase.Done, ""
		if step.ByHand != nil {
			item.State, item.Message = stepTaken, step.ByHand.Do
		}
		tell(item)
	}
	return nil
}

// doOne gives the step's own hint too.
func doOne(
	ctx context.Context, cluster stepCluster, node bundles.StepNode, step nodeStep, say func(reason string),
) (hint string, err error) {
	probe := func(context.Context) error { return nil }
	switch {
	case step.WaitWhile != nil:
		hint = step.WaitWhile.Hint
		probe = func(ctx context.Context) error {
			found, err := selected(ctx, cluster, *step.WaitWhile, node)
			if err == nil && len(found) > 0 {
				err = errors.New(strings.Join(found, "; "))
			}
			return err
		}
	case len(step.Label) > 0:
		probe = func(ctx context.Context) error { return cluster.LabelNode(ctx, node.Name, step.Label) }
	case step.Exec != nil:
		hint = step.Exec.Hint
		probe = func(ctx context.Context) error { return runOnce(ctx, cluster, *step.Exec, node) }
	}
	last := ""
	err = wait.Until(ctx, wait.Check{
		Title: step.String(), Interval: stepInterval(step.Limit()), Timeout: step.Limit(), ProbeTimeout: askTimeout, Probe: probe,
		Failed: func(reason error) {
			if text := reason.Error(); text != last {
				last = text
				say(text)
			}
		},
	})
	return hint, err
}

// slowInterval is between two looks of a step that may take hours, whose lists may be long.
const slowInterval = 5 * time.Second

// stepInterval is the pause between two looks of a step of that limit. Zero: wait's own.
func stepInterval(limit time.Duration) time.Duration {
	if limit > bundles.DefaultStepTimeout {
		return slowInterval
	}
	return 0
}

// runOnce looks, runs the command if something is left to do and that is safe, and says so: the next look tells whether it worked.
func runOnce(ctx context.Context, cluster stepCluster, e bundles.StepExec, node bundles.StepNode) error {
	command := kube.Command{Namespace: e.Namespace, Pods: e.Pods, Container: e.Container, Words: node.Fill(e.Look)}
	output, err := cluster.Exec(ctx, command)
	if err != nil {
		return err
	}
	done, err := e.IsDone(output, node)
	if err != nil {
		return wait.Final(err)
	}
	if done {
		return nil
	}
	safe, err := e.IsSafe(output, node)
	if err != nil {
		return wait.Final(err)
	}
	if !safe {
		return fmt.Errorf("not done, because it is not safe as things are: %s says %s", strings.Join(command.Words, " "), shorten(output))
	}
	command.Words = node.Fill(e.Run)
	if _, err := cluster.Exec(ctx, command); err != nil {
		return err
	}
	return fmt.Errorf("asked for: %s", strings.Join(command.Words, " "))
}
