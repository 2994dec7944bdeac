// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// DefaultChartsURL is where the controller serves our own charts inside the cluster.
const DefaultChartsURL = "http://cozy-controller.cozy-system.svc/charts"

// Flux installs what a plan has beyond its core: one HelmRelease for each package, made the moment everything it depends
// on is ready, all that can at the same time.
type Flux struct {
	clients

	shelf     *Shelf
	chartsURL string
	now       func() time.Time
	inspect   *inspector // nil: nothing is looked at closely
}

// NewFlux makes a Flux for the cluster of that config. Charts that Flux can't get from a repository come from shelf. An empty
// chartsURL means DefaultChartsURL.
func NewFlux(config *rest.Config, shelf *Shelf, chartsURL string) (*Flux, error) {
	made, err := newClients(config)
	if err != nil {
		return nil, err
	}
	if chartsURL == "" {
		chartsURL = DefaultChartsURL
	}
	return &Flux{
		clients: made, shelf: shelf, chartsURL: chartsURL, now: time.Now,
		inspect: newInspector(config, made),
	}, nil
}

// ErrNoFlux says that the cluster knows no HelmReleases or HelmRepositories.
var ErrNoFlux = errors.New("flux is not installed: the cluster knows no such kind")

// Install returns nil when every package beyond the core is ready. It goes on while one fails and independent ones do
// not, and returns an *UnfinishedError when ctx ends, or when no package that is not ready will be tried again. It may be
// run again at any time and goes on; what is as it should be already is not touched. An *OccupiedError, before anything is done,
// says which CRDs of packages belong to others.
func (f *Flux) Install(ctx context.Context, plan *Plan, report Report) error {
	packages := plan.Packages[len(plan.Core):]
	if err := assertVacant(ctx, f.clients, plan, packages); err != nil {
		return err
	}
	namespaces := make([]string, 0, len(packages)+1)
	namespaces = append(namespaces, ChartsNamespace)
	for _, p := range packages {
		namespaces = append(namespaces, p.Namespace)
	}
	slices.Sort(namespaces)
	if err := applyNamespaces(ctx, f.kube, plan, slices.Compact(namespaces)...); err != nil {
		return err
	}
	if err := publishWrapped(ctx, f.kube, f.shelf, packages); err != nil {
		return err
	}
	for _, repository := range helmRepositories(packages, f.chartsURL) {
		object, err := toApply(repository)
		if err == nil {
			_, err = f.apply(ctx, repositories(), object)
		}
		if err != nil {
			return fmt.Errorf("apply chart repository %s: %w", repository.Name, err)
		}
	}
	changed := make(chan struct{}, 1)
	watched, err := watchReleases(ctx, f.dynamic, plan.Bundle, changed)
	if err != nil {
		return err
	}
	defer watched.stop()
	crds, err := watchRuntimeCRDs(ctx, f.names, f.dynamic, plan, changed)
	if err != nil {
		return err
	}
	defer crds.stop()
	inspection := newInspection()
	looking, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { inspection.run(looking, f.inspect) })
	defer running.Wait()
	defer stop()
	health := newHealthWatch(f.health(), changed)
	defer health.stop()
	return f.drive(ctx, plan, &surroundings{watched, crds, changed, inspection, health}, newProgress(plan, report, f.now))
}

// Status tells the state of each package beyond the core, without changing anything.
func (f *Flux) Status(ctx context.Context, plan *Plan) ([]PackageStatus, error) {
	list, err := f.dynamic.Resource(releases()).List(ctx, metav1.ListOptions{LabelSelector: packageLabel})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("list helm releases: %w", err)
	}
	found := map[string]*helmv2.HelmRelease{}
	if err == nil {
		for i := range list.Items {
			release, err := toRelease(&list.Items[i])
			if err != nil {
				return nil, err
			}
			found[release.Labels[packageLabel]] = release
		}
	}
	var out []PackageStatus
	for _, p := range plan.Packages[len(plan.Core):] {
		status := PackageStatus{Name: p.Name, State: StateAbsent}
		if release := found[p.Name]; release != nil {
			status.State, status.Message = stateOf(release, start{generation: release.Generation})
			status = f.health().judge(ctx, p, f.inspect.explain(ctx, p, status))
		}
		out = append(out, status)
	}
	return out, nil
}

func (f *Flux) health() healthCheck { return healthCheck{f.dynamic, f.inspect} }

// applyWhole is applyRelease, of which no half is left when ctx ends: one may be a HelmRelease that stays suspended.
func (f *Flux) applyWhole(ctx context.Context, plan *Plan, p Package, existing *helmv2.HelmRelease) (start, error) {
	ctx, cancel := outlasting(ctx)
	defer cancel()
	return f.applyRelease(ctx, plan, p, existing)
}

// applyRelease makes or changes the package's HelmRelease. One that Flux has given up, or tries again only after a pause,
// is asked to go on at once: the operator has just done so.
func (f *Flux) applyRelease(ctx context.Context, plan *Plan, p Package, existing *helmv2.HelmRelease) (start, error) {
	release, err := helmRelease(plan, p)
	if err != nil {
		return start{}, err
	}
	request := ""
	if existing != nil {
		release.Annotations = requestsOf(existing) // taking them away would be a change of what needs none
		if state, _ := stateOf(existing, start{generation: existing.Generation}); state == StateFailed || state == StateStalled {
			request = f.now().UTC().Format(time.RFC3339Nano)
			release.Annotations = map[string]string{
				meta.ReconcileRequestAnnotation: request, helmv2.ResetRequestAnnotation: request,
			}
		}
	}
	if existing != nil && isEmptied(existing.GetValues(), p.Values) {
		// What the first apply makes of the values is wrong: Flux must not see it.
		release.Spec.Suspend = true
		if _, err := f.applyOne(ctx, release); err != nil {
			return start{}, err
		}
		release.Spec.Suspend = false
	}
	applied, err := f.applyOne(ctx, release)
	if err != nil {
		return start{}, err
	}
	return start{generation: applied.GetGeneration(), request: request}, nil
}

func (f *Flux) applyOne(ctx context.Context, release *helmv2.HelmRelease) (*unstructured.Unstructured, error) {
	object, err := toApply(release)
	if err == nil {
		object, err = f.apply(ctx, releases(), object)
	}
	if err != nil {
		return nil, fmt.Errorf("apply helm release %s/%s: %w", release.Namespace, release.Name, err)
	}
	return object, nil
}

// requestsOf are what Flux was asked for before; nil: nothing.
func requestsOf(release *helmv2.HelmRelease) map[string]string {
	var out map[string]string
	for _, key := range []string{meta.ReconcileRequestAnnotation, helmv2.ResetRequestAnnotation} {
		if value, asked := release.Annotations[key]; asked {
			put(&out, key, value)
		}
	}
	return out
}

func (f *Flux) apply(
	ctx context.Context, kind schema.GroupVersionResource, object *unstructured.Unstructured,
) (applied *unstructured.Unstructured, err error) {
	err = persist(ctx, func(ctx context.Context) (err error) {
		applied, err = f.dynamic.Resource(kind).Namespace(object.GetNamespace()).Apply(ctx, object.GetName(), object,
			metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("%w (%w)", ErrNoFlux, err)
	}
	return applied, err
}

func releases() schema.GroupVersionResource {
	return helmv2.GroupVersion.WithResource("helmreleases")
}

func repositories() schema.GroupVersionResource {
	return sourcev1.GroupVersion.WithResource("helmrepositories")
}
