// SPDX-License-Identifier: Apache-2.0

// Package bundles tests the two installers of the package bundles on a real control plane, with the real Helm SDK and real
// Flux: installation from nothing, quiet runs over what is there, processes that are killed or cancelled in the middle,
// packages that fail, a cluster whose processes are killed, and upgrades. Whatever goes wrong, an installation converges or
// names the culprit, and uninstalls nothing.
//
// `up` comes here to the end that a user has of it: tenant-root, whose services simulated operators make ready, and which answers.
//
// It holds tests only. It installs the platform's own bundle, and one made up for what the platform's does not have: a
// chain of dependencies beside an independent branch, and packages that can be broken. How plans are made is tested in
// bundles, without a cluster.
//
// Still missing: Flux installed by us (the plane brings its own, and has no way to the internet).
package bundles
