// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

// Await repeats a probe until it returns nil, or for at most timeout; its error then holds the probe's last one. The title
// completes the sentence "waiting for ...".
type Await func(ctx context.Context, title string, timeout time.Duration, probe func(context.Context) error) error

// ChangedError says that a package holds something that it did not when its removal was planned.
type ChangedError struct {
	Package string
	Loses   []string
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("package %s: not removed, because this came meanwhile: %s", e.Package, strings.Join(e.Loses, "; "))
}

// Remove takes the packages away in their order, each gone before the next begins, and then what they leave empty: chart
// repositories, charts, and namespaces that we made. It may be interrupted: the same plan made again goes on. A *RemoveError names
// the package, and what holds it.
func (c *Cluster) Remove(ctx context.Context, plan *Plan, removal *Removal, await Await, report Report) error {
	if err := c.rehearse(ctx, removal); err != nil {
		return err
	}
	losses := &losses{cluster: c, plan: plan}
	for _, one := range removal.Packages {
		losses.leaving = append(losses.leaving, one.installed)
	}
	for i, one := range removal.Packages {
		err := c.checkUnchanged(ctx, losses, removal, one)
		if err == nil {
			report.say(one.Name, StateRemoving, "")
			err = c.removeOne(ctx, one.installed, await)
		}
		if err != nil {
			reportStop(ctx, report, one, err)
			return &RemoveError{Package: one.Name, ByFlux: one.installed.byFlux(), Left: leavingNames(removal.Packages[i+1:]), Err: err}
		}
		report.say(one.Name, StateRemoved, "")
	}
	return c.tidy(ctx, plan, await, report)
}

// reportStop tells why the removal of a package ended before it was gone. An interruption is no failure: nobody knows of one.
func reportStop(ctx context.Context, report Report, one Leaving, err error) {
	switch {
	case !errors.Is(ctx.Err(), context.Canceled):
		report.say(one.Name, StateFailed, err.Error())
	case one.installed.byFlux():
		report.say(one.Name, StateRemoving, "interrupted; Flux goes on")
	default:
		report.say(one.Name, StateRemoving, "interrupted; it may be half removed")
	}
}

// rehearse asks the API server whether it would let everything go.
func (c *Cluster) rehearse(ctx context.Context, removal *Removal) error {
	for _, one := range removal.Packages {
		if !one.installed.byFlux() {
			continue
		}
		err := c.deleteRelease(ctx, one.installed, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return fmt.Errorf("dry run: remove package %s: %w", one.Name, err)
		}
	}
	return nil
}

func (c *Cluster) checkUnchanged(ctx context.Context, losses *losses, removal *Removal, one Leaving) error {
	if removal.accepted && len(one.Loses) > 0 { // what was agreed to; nobody agreed to the loss of what was not there
		return nil
	}
	loses, _, err := losses.of(ctx, one.installed)
	if err == nil && len(loses) > 0 {
		err = &ChangedError{Package: one.Name, Loses: loses}
	}
	return err
}

// removeOne takes one package away and returns when nothing of its release is left.
func (c *Cluster) removeOne(ctx context.Context, one Installed, await Await) error {
	content, err := c.helm.content(ctx, one.Release, one.Namespace)
	if err != nil {
		return err
	}
	left, err := c.newRemains(one, content)
	if err != nil {
		return err
	}
	timeout := c.patience(one)
	spared, err := c.spareOthers(ctx, one, left)
	if err != nil {
		return err
	}
	// Of a suspended HelmRelease Flux forgets the release, and uninstalls nothing; those that spare others were suspended.
	isForgotten := spared || one.byFlux() && one.release.Spec.Suspend
	if !one.byFlux() || isForgotten {
		if err := c.uninstall(ctx, one, left, await); err != nil {
			return err
		}
	}
	if one.byFlux() {
		if err := persist(ctx, func(ctx context.Context) error { return c.deleteRelease(ctx, one, metav1.DeleteOptions{}) }); err != nil {
			return err
		}
		// An attempt that still runs has its own time first.
		err := await(ctx, "Flux to uninstall "+one.Name, 2*timeout, func(ctx context.Context) error { return c.assertDeleted(ctx, one, left) })
		if err != nil {
			return err
		}
		if isForgotten {
			if err := c.deleteChart(ctx, one); err != nil {
				return err
			}
		}
		// What Flux did not know of, as when it was killed while it installed.
		if err := c.uninstall(ctx, one, left, await); err != nil {
			return err
		}
	}
	return await(ctx, "what "+one.Name+" consists of to be gone", timeout, left.assertGone)
}

// patience is how long an uninstallation may take.
func (c *Cluster) patience(one Installed) time.Duration {
	if one.byFlux() && one.release.Spec.Timeout != nil {
		return one.release.Spec.Timeout.Duration
	}
	if p, ok := c.catalog.Package(one.Name); ok {
		return p.timeout()
	}
	return DefaultTimeout
}

// uninstall runs beside a wait, so that what holds the release is told at once and not when the time is over. When ctx ends it
// returns, and the SDK goes on in the background: end the process soon.
func (c *Cluster) uninstall(ctx context.Context, one Installed, left *remains, await Await) error {
	timeout := c.patience(one)
	ended := make(chan error, 1)
	go func() { ended <- c.helm.uninstall(one.Release, one.Namespace, timeout) }()
	var result error
	err := await(ctx, "Helm to uninstall "+one.Name, timeout+time.Minute, func(ctx context.Context) error {
		select {
		case result = <-ended:
			return nil
		default:
			return errors.Join(errUninstalling, left.held(ctx))
		}
	})
	if result != nil {
		result = fmt.Errorf("uninstall helm release %s/%s: %w", one.Namespace, one.Release, result)
	}
	return errors.Join(err, result)
}

var errUninstalling = errors.New("it is being uninstalled")

func (c *Cluster) releaseClient(one Installed) dynamic.ResourceInterface {
	return c.dynamic.Resource(releases()).Namespace(one.release.Namespace)
}

func (c *Cluster) deleteRelease(ctx context.Context, one Installed, options metav1.DeleteOptions) error {
	uid := one.release.UID
	options.Preconditions = &metav1.Preconditions{UID: &uid} // not one that somebody made anew
	err := c.releaseClient(one).Delete(ctx, one.release.Name, options)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete helm release %s/%s: %w", one.release.Namespace, one.release.Name, err)
	}
	return nil
}

// deleteChart removes the HelmChart of a suspended HelmRelease, which Flux leaves behind.
func (c *Cluster) deleteChart(ctx context.Context, one Installed) error {
	namespace, name := one.release.Status.GetHelmChart()
	if name == "" {
		return nil
	}
	err := c.dynamic.Resource(sourcev1.GroupVersion.WithResource("helmcharts")).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete helm chart %s/%s: %w", namespace, name, err)
	}
	return nil
}

func (c *Cluster) assertDeleted(ctx context.Context, one Installed, left *remains) error {
	object, err := c.releaseClient(one).Get(ctx, one.release.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && object.GetUID() != one.release.UID {
		return nil
	}
	if err != nil {
		return err
	}
	release, err := toRelease(object)
	if err != nil {
		return err
	}
	return errors.Join(errors.New(removalMessage(release)), left.held(ctx))
}
