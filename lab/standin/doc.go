// SPDX-License-Identifier: Apache-2.0

// Package standin makes charts that stand in for upstream ones where those can't be had: each has the name and version that
// a package asks for, a Deployment, the Custom Resource Definitions that the package says it brings, and an object of each
// kind that it says it needs. They are made at test time from the package files and never shipped. What programs of theirs do
// later, a Registrar plays: it registers kinds, and writes the status that health conditions wait for.
//
// What they show is the order in which a bundle installs, that nothing needs a kind before it exists, and what becomes of
// failures. They show nothing about the real charts. Every kind of theirs is namespaced and takes any content.
package standin
