// SPDX-License-Identifier: Apache-2.0

// Package talos turns a description of a cluster into Talos machine configs, and speaks to Talos nodes.
//
// It makes a cluster's secrets once, writes one machine config per node (the same bytes on every run), names the boot
// image a set of system extensions needs, tells a node in maintenance from one of ours and from somebody else's, reads
// a node's hardware, how it was started, its health and its clock, applies configs, bootstraps etcd, anew or from a snapshot, takes snapshots,
// resets nodes, fetches the kubeconfig, and collects what a node tells about itself for a support bundle, without secrets.
// Every call asks one node once: it never retries, waits, or moves to another node, and it keeps no files.
//
// It refuses to know where nodes come from, in which order a cluster is built, and which packages will run on it: what
// a bundle needs from Talos arrives as [Requirements], as data.
//
// Maintenance mode is spoken in its two forms: the small server of Talos 1.11 and 1.12, and the anonymous reader of 1.13.
// Configs are written for 1.11 to 1.13, and for a node that boots an older one than it installs.
//
// Still missing: bridges, VRFs and client certificates of registries but by patches; OIDC; disk
// encryption; event streams.
package talos
