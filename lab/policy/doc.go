// SPDX-License-Identifier: Apache-2.0

// Package policy tests the isolation of tenants: the verdicts of tenant/policy, and the policies that it makes, which Cilium's
// own engine judges (lab/tools/policy), each against one table that was written by hand.
//
// It holds tests only. There are no nodes and no packets here: what the engine takes for granted is said there.
//
// Still missing: the same in a cluster where Cilium runs.
package policy
