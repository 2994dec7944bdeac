// SPDX-License-Identifier: Apache-2.0

// Package tenants tests the tenant system on a real control plane: the program cozy-controller as its own ServiceAccount,
// with the CRD, the roles and the admission policies of the charts, and users' own tools.
//
// It holds tests only. What the rules are is tested in tenant, without a cluster.
//
// What a kind of application becomes is judged here too, by the API server and by Flux: tenant/application makes it.
//
// TestControllerThatIsKilledGoesOn has a world of its own: two hundred tenants at a time, with NetworkPolicies, of which half are
// deleted while others are made and controllers are killed, and all that is left is held against the rules. So is who leads.
//
// Still missing: everything that the controller does not do yet (see tenant/controller), and the release of cozy-controller as
// Helm and its pod run it.
package tenants
