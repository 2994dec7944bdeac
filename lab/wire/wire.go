// SPDX-License-Identifier: Apache-2.0

// Package wire proves the netboot server where it works: `cozy-install pxe serve`, the product's own binary, in a network
// namespace with simulated machines, other servers and other hosts on the same wire, and its commands beside it.
//
// It has tests only, for root. It refuses to know the server's insides: what it looks at are packets, exit codes, and what
// the commands say. Still missing: IPv6, and VLANs.
package wire
