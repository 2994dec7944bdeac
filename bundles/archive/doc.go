// SPDX-License-Identifier: Apache-2.0

// Package archive carries a bundle's images and charts to where there is no network.
//
// Everything that can be is OCI. A Registry on the bastion serves what a Store directory holds to the nodes and to Flux. The
// registry of an image is the first part of its repository there: see Image.Repository. What the store lacks an Upstream fetches
// from the registries themselves, where there is a network.
//
// Save writes images, charts and boot assets into one file that can be carried there, signed; Open reads it, and believes
// nothing of it before it was checked.
//
// The image of cozy-controller is made here of its programs, see BuildController: nothing has to be published first.
//
// The package refuses to know sites, machines and clusters: it is told which images it is about.
//
// Store.Collect bounds what was pulled through. What Load has brought is pinned, and stays; DropArchives removes what only archives
// before the newest two have.
//
// Still missing: going on in the middle of a layer that was broken off. What a program loaded that did not yet note archives, and
// older images of cozy-controller, are removed with the whole store only.
package archive
