// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/bundles"
)

const (
	fade     = "fade"   // the bundle that loses its packages
	faded    = "faded"  // what a later program makes of it: its core is smaller
	fadeTo   = "fading" // the prefix of its namespaces
	fadeKind = "fadings.example.org"
)

// fadePackages: base and relic are the core; one, two and three a chain; store holds data and needs one; kind brings a kind;
// lone is alone in its namespace.
func fadePackages() fstest.MapFS {
	out := fstest.MapFS{}
	for name, core := range map[string]string{fade: "fade-base, fade-relic", faded: "fade-base"} {
		out["sets/"+name+".yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, fadeSet, name, core)}
	}
	for name, more := range map[string]string{
		"base":  "namespace: fading\nchart: {embedded: trial}\n",
		"relic": "namespace: fading-relic\nchart: {embedded: trial}\n",
		"one":   "namespace: fading\nchart: {embedded: trial}\n",
		"two":   "namespace: fading\nchart: {embedded: trial}\ndependsOn: [fade-one]\n",
		"three": "namespace: fading\nchart: {embedded: trial}\ndependsOn: [fade-two]\n",
		"store": "namespace: fading\nchart: {embedded: trial}\ndependsOn: [fade-one]\nstateful: true\n",
		"kind":  "namespace: fading\nchart: {embedded: fade-kind}\nprovides: [{name: fadings.example.org, from: chart}]\n",
		"lone":  "namespace: fading-lone\nchart: {embedded: trial}\n",
	} {
		out["packages/fade-"+name+".yaml"] = &fstest.MapFile{Data: []byte(
			"name: fade-" + name + "\ntitle: T\nhealth: {timeout: 1m}\n" + more)}
	}
	return out
}

const fadeSet = `
name: %s
title: Fade
platform: talos
core: [%s]
layers:
  - name: all
    packages:
      - {name: fade-base}
      - {name: fade-relic, optional: false}
      - {name: fade-one, optional: true}
      - {name: fade-two, optional: true}
      - {name: fade-three, optional: true}
      - {name: fade-store, optional: true}
      - {name: fade-kind, optional: true}
      - {name: fade-lone, optional: true}
`

// fadeShelf is what there is to install for these tests.
func fadeShelf() (*shelf, error) {
	own := trialCharts(firstEdition)
	own["fade-kind/Chart.yaml"] = &fstest.MapFile{Data: []byte("apiVersion: v2\nname: fade-kind\nversion: 0.1.0\n")}
	own["fade-kind/values.yaml"] = &fstest.MapFile{Data: []byte("{}\n")}
	own["fade-kind/templates/all.yaml"] = &fstest.MapFile{Data: []byte(fadeCRD)}
	return shelfWith(fadePackages(), own)
}

const fadeCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: fadings.example.org}
spec:
  group: example.org
  names: {kind: Fading, plural: fadings}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`

// with is the plan of a bundle with these optional packages, and without relic where the bundle can be without it.
func (s *shelf) with(bundle string, enabled ...string) (*bundles.Plan, error) {
	choices := bundles.Choices{Charts: s.charts, Facts: siteFacts(), Enable: enabled}
	if bundle == faded {
		choices.Disable = []string{"fade-relic"}
	}
	return bundles.Resolve(s.catalog, bundle, choices)
}

func (w *world) with(t *testing.T, bundle string, enabled ...string) *bundles.Plan {
	t.Helper()
	plan, err := w.shelf.with(bundle, enabled...)
	require.NoError(t, err)
	return plan
}

func (s *shelf) cluster(config *rest.Config) (*bundles.Cluster, error) {
	return bundles.NewCluster(config, s.catalog, nil)
}

func (w *world) cluster(t *testing.T) *bundles.Cluster {
	t.Helper()
	cluster, err := w.shelf.cluster(w.config)
	require.NoError(t, err)
	return cluster
}

// complaints are the reasons for which a wait goes on.
type complaints struct {
	lock sync.Mutex
	all  []string
}

func (c *complaints) hear(reason error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.all = append(c.all, reason.Error())
}

func (c *complaints) await(ctx context.Context, title string, timeout time.Duration, probe func(context.Context) error) error {
	return wait.Until(ctx, wait.Check{Title: title, Timeout: timeout, Probe: probe, Failed: c.hear, Interval: 100 * time.Millisecond})
}

// remove takes away what the plan does not have, and returns what was planned.
func (w *world) remove(t *testing.T, plan *bundles.Plan, wish bundles.RemovalWish) (*bundles.Removal, *reports) {
	t.Helper()
	removal, err := w.cluster(t).PlanRemoval(t.Context(), plan, wish)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	heard := &reports{}
	require.NoError(t, w.cluster(t).Remove(ctx, plan, removal, (&complaints{}).await, heard.hear))
	return removal, heard
}

func leaving(removal *bundles.Removal) []string {
	out := []string{}
	for _, one := range removal.Packages {
		out = append(out, one.Name)
	}
	return out
}

// removeFaded is what an installer in a process of its own does: it says what it waits for.
func removeFaded(ctx context.Context, config *rest.Config, what job) error {
	s, err := fadeShelf()
	if err != nil {
		return err
	}
	plan, err := s.with(what.Bundle, what.Faded...)
	if err != nil {
		return err
	}
	cluster, err := s.cluster(config)
	if err != nil {
		return err
	}
	removal, err := cluster.PlanRemoval(ctx, plan, bundles.RemovalWish{Off: true})
	if err != nil {
		return err
	}
	await := func(ctx context.Context, title string, timeout time.Duration, probe func(context.Context) error) error {
		return wait.Until(ctx, wait.Check{
			Title: title, Timeout: timeout, Probe: probe, Interval: 100 * time.Millisecond,
			Failed: func(err error) { fmt.Fprintln(os.Stderr, err) },
		})
	}
	return cluster.Remove(ctx, plan, removal, await, nil)
}
