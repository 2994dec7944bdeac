// SPDX-License-Identifier: Apache-2.0

// Package house keeps the rules of this repository that a compiler does not: which package may import which, where
// third-party code stays, how source files look, and that the documents and systemd units name commands which exist.
//
// It holds tests only and knows nothing of what the product does. Run it with -count=1, as `make test-house` does: Go's
// test cache does not see a bad import added elsewhere. It reads the tree as it is on disk, committed or not.
//
// Still missing: it does not prove that a document is true, only that its commands, links and names exist.
package house
