// SPDX-License-Identifier: Apache-2.0

// Package bundles says what a platform consists of, and installs it.
//
// A package is one YAML file: a Helm chart, where it goes, what it needs and brings. A bundle (a set) is one YAML file
// too: which packages, in layers. Load reads and checks both, Resolve turns a bundle and an operator's choices into a
// Plan, provable before anything runs, and two installers carry a plan out: Core by the Helm SDK, while the cluster
// has neither network nor Flux, and Flux for the rest, as HelmReleases that each appear when what they need is Ready.
//
// The package refuses to know site files, machines and tenants: what differs from site to site arrives as Facts, charts
// of our own through the interface Charts, and a cluster as a rest.Config.
//
// What a package asks when a node goes (NodeStep) is judged here and done by others, who have the cluster.
//
// Still missing: an order in which Flux takes up new charts of ours, whose versions it can't tell from the old ones as soon as
// those are gone from the index (our own changes of releases are ordered); health conditions for Flux, whose helm-controller takes
// them from 1.5 on: only who installs waits for them.
package bundles
