// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

const (
	// presenceTimeout is how long what somebody else has installed may take to run: a node that restarts, an image that is pulled.
	presenceTimeout  = 2 * time.Minute
	presenceInterval = 2 * time.Second

	// partOf is the label of Kubernetes by which Flux marks what belongs to it (fluxcd/flux2, manifests/install).
	partOf = "app.kubernetes.io/part-of"
)

// presence is whether somebody else has installed a package.
type presence struct {
	there   bool
	failing FailingObject // keeps it from running. Zero: it runs
}

// presence looks once for what somebody else has installed: Deployments of the names that the package gives, in one namespace, and
// no release of ours. CRDs say nothing: they stay when what reconciled them goes. One of several Deployments that is labelled as
// part of the package counts for all: two would fight for the same objects. Of several installations the soundest counts.
func (c *Core) presence(ctx context.Context, p Package) (presence, error) {
	if len(p.Presence) == 0 {
		return presence{}, nil
	}
	ours, err := c.helm.Status(ctx, p.Release, p.Namespace)
	if err != nil || helmState(ours.State) != StateAbsent {
		return presence{}, err
	}
	places, err := c.deployments(ctx, p.Presence)
	if err != nil {
		return presence{}, err
	}
	var found []installation
	for _, namespace := range sortedKeys(places) {
		one := assess(p, namespace, places[namespace])
		if one.missing == 0 || one.labelled {
			found = append(found, one)
		}
	}
	if len(found) == 0 {
		return presence{}, nil
	}
	soundest := slices.MinFunc(found, func(a, b installation) int { return cmp.Compare(len(a.failing), len(b.failing)) })
	if len(soundest.failing) == 0 {
		return presence{there: true}, nil
	}
	return presence{there: true, failing: soundest.failing[0]}, nil
}

// deployments are those of that names which are not being deleted, by namespace and name.
func (c *Core) deployments(ctx context.Context, names []string) (map[string]map[string]*appsv1.Deployment, error) {
	out := map[string]map[string]*appsv1.Deployment{}
	for _, name := range names {
		named := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()}
		var list *appsv1.DeploymentList
		if err := persist(ctx, func(ctx context.Context) (err error) {
			list, err = c.kube.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, named)
			return err
		}); err != nil {
			return nil, fmt.Errorf("look for Deployments %s: %w", name, err)
		}
		for i, one := range list.Items {
			if one.Name != name || one.DeletionTimestamp != nil {
				continue
			}
			if out[one.Namespace] == nil {
				out[one.Namespace] = map[string]*appsv1.Deployment{}
			}
			out[one.Namespace][name] = &list.Items[i]
		}
	}
	return out, nil
}

// installation is what a namespace has of a package.
type installation struct {
	missing  int // Deployments that are not there
	labelled bool
	failing  []FailingObject // the missing ones among them
}

func assess(p Package, namespace string, there map[string]*appsv1.Deployment) installation {
	var out installation
	for _, name := range p.Presence {
		one, why := there[name], ""
		switch {
		case one == nil:
			out.missing++
			why = doesNotExist
		case one.Spec.Replicas != nil && *one.Spec.Replicas == 0:
			why = "it is scaled to no pods"
		case one.Status.AvailableReplicas == 0:
			why = fmt.Sprintf("0 of %d pods are available", valueOr(one.Spec.Replicas, 1))
		}
		if why != "" {
			out.failing = append(out.failing, FailingObject{Kind: "Deployment", Namespace: namespace, Name: name, Why: why})
		}
		out.labelled = out.labelled || one != nil && one.Labels[partOf] == p.Name
	}
	return out
}

func valueOr(value *int32, otherwise int32) int32 {
	if value == nil {
		return otherwise
	}
	return *value
}

func presentStatus(p Package, found presence) PackageStatus {
	out := PackageStatus{Name: p.Name, State: StatePresent, Message: "installed by somebody else; used as it is", Object: found.failing}
	if found.failing != (FailingObject{}) {
		out.Message = "installed by somebody else, and does not run"
	}
	return out
}

// awaitPresence returns whether somebody else has installed the package, when that is known and runs. The error is a
// *NotRunningError if it does not within presenceTimeout.
func (c *Core) awaitPresence(ctx context.Context, p Package, report Report) (bool, error) {
	ticker := time.NewTicker(presenceInterval)
	defer ticker.Stop()
	over := time.NewTimer(presenceTimeout)
	defer over.Stop()
	for last := (FailingObject{}); ; {
		found, err := c.presence(ctx, p)
		if err != nil || found.failing == (FailingObject{}) {
			return found.there, err
		}
		if found.failing != last {
			last = found.failing
			report.tell(PackageStatus{Name: p.Name, State: StateWaiting, Message: "for somebody else's to run", Object: last})
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("%w, while somebody else's does not run: %s", context.Cause(ctx), last)
		case <-over.C:
			return false, &NotRunningError{Object: last, Waited: presenceTimeout}
		case <-ticker.C:
		}
	}
}

// NotRunningError says that somebody else has installed a package of the core, and that nothing of it works.
type NotRunningError struct {
	Object FailingObject
	Waited time.Duration
}

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("somebody else has installed it, and after %s it does not run: %s", e.Waited, e.Object)
}

// Hint says how to go on.
func (e *NotRunningError) Hint() string {
	look := fmt.Sprintf("kubectl -n %s describe deployment %s", e.Object.Namespace, e.Object.Name)
	if e.Object.Why == doesNotExist {
		look = fmt.Sprintf("kubectl -n %s get deployments", e.Object.Namespace)
	}
	return "mend it (" + look + " says more), or take it away: the next run then installs its own"
}
