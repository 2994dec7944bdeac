// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Cluster looks at what is installed on a cluster, whatever plan it came from, and takes away what no plan has any more.
type Cluster struct {
	clients

	config  *rest.Config
	helm    *Helm
	catalog *Catalog
}

// NewCluster makes a Cluster of that config. The catalog tells what packages are that a plan does not have. A nil log drops
// the Helm SDK's messages.
func NewCluster(config *rest.Config, catalog *Catalog, log *slog.Logger) (*Cluster, error) {
	made, err := newClients(config)
	if err != nil {
		return nil, err
	}
	return &Cluster{clients: made, config: config, helm: NewHelm(config, log), catalog: catalog}, nil
}

// Installed is a package as the cluster has it.
type Installed struct {
	Name      string
	Namespace string
	Release   string // Helm's name
	Bundle    string // by which it was installed last. Empty: nobody wrote it down
	Chart     string // version of the revision that runs. Empty: none does, or nobody knows
	State     State
	Message   string
	Since     time.Time // when that revision was deployed. Zero: not known
	DependsOn []string  // packages, as the cluster has it

	release  *helmv2.HelmRelease // nil: Flux does not keep it
	fromHere bool                // installed as core
}

// byFlux says whether Flux keeps it.
func (i Installed) byFlux() bool { return i.release != nil }

// Installed finds what we installed, by name: HelmReleases with our label, and Helm releases without one that are ours.
func (c *Cluster) Installed(ctx context.Context) ([]Installed, error) {
	releases, err := c.helmReleases(ctx)
	if err != nil {
		return nil, err
	}
	var out []Installed
	kept := map[storedName]bool{} // by Flux, ours or not
	for i := range releases {
		kept[storedName{releases[i].GetStorageNamespace(), releases[i].GetReleaseName()}] = true
		if releases[i].Labels[packageLabel] != "" && releases[i].Labels[managedBy] == fieldManager {
			out = append(out, installedByFlux(&releases[i]))
		}
	}
	stored, err := c.storedReleases(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range stored {
		if kept[one.storedName] {
			continue
		}
		found, err := c.installedByHelm(ctx, one)
		if err != nil {
			return nil, err
		}
		if found != nil {
			out = append(out, *found)
		}
	}
	slices.SortFunc(out, func(a, b Installed) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	return out, nil
}

func (c *Cluster) helmReleases(ctx context.Context) ([]helmv2.HelmRelease, error) {
	list, err := c.dynamic.Resource(releases()).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil // no Flux
	}
	if err != nil {
		return nil, fmt.Errorf("list helm releases: %w", err)
	}
	out := make([]helmv2.HelmRelease, 0, len(list.Items))
	for i := range list.Items {
		release, err := toRelease(&list.Items[i])
		if err != nil {
			return nil, err
		}
		out = append(out, *release)
	}
	return out, nil
}

func installedByFlux(r *helmv2.HelmRelease) Installed {
	out := Installed{
		Name: r.Labels[packageLabel], Namespace: r.Namespace, Release: r.GetReleaseName(), Bundle: r.Labels[bundleLabel], release: r,
	}
	out.State, out.Message = stateOf(r, start{generation: r.Generation})
	if latest := r.Status.History.Latest(); latest != nil {
		out.Chart, out.Since = latest.ChartVersion, latest.LastDeployed.Time
	}
	for _, dependency := range r.Spec.DependsOn {
		out.DependsOn = append(out.DependsOn, dependency.Name)
	}
	return out
}

// installedByHelm is a Helm release that Flux does not keep, if it is ours: with our mark, or what Flux left behind in a
// namespace that we made.
func (c *Cluster) installedByHelm(ctx context.Context, one storedRelease) (*Installed, error) {
	p := c.packageOf(one.storedName)
	if !one.marked && (p == nil || !one.ourNamespace) {
		return nil, nil
	}
	found, err := c.helm.Status(ctx, one.name, one.namespace)
	if err != nil || found.State == "" {
		return nil, err // gone meanwhile
	}
	out := &Installed{
		Name: one.name, Namespace: one.namespace, Release: one.name,
		Chart: found.ChartVersion, State: helmState(found.State), Message: found.Message, Since: found.Updated,
		fromHere: one.marked,
	}
	if p != nil {
		out.Name = p.Name
	}
	return out, nil
}

// packageOf is the package that installs a release of that name there; nil: none does.
func (c *Cluster) packageOf(name storedName) *Package {
	for _, p := range c.catalog.packages {
		if p.Release == name.name && p.Namespace == name.namespace {
			return p
		}
	}
	return nil
}
