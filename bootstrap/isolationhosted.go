// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// isolationValue is the value of cozy-controller's chart that holds what tenants are isolated from.
const isolationValue = "site"

// NoIsolationError says that tenants could reach each other, and the cluster's own parts, over the network.
type NoIsolationError struct{ Why string }

func (e *NoIsolationError) Error() string {
	return "tenants are not isolated from each other: " + e.Why
}

// Hint says what there is to choose.
func (e *NoIsolationError) Hint() string {
	return "install a network that enforces NetworkPolicy; or, if the cluster's does, say so with packages.values." + controllerPackage +
		"." + isolationValue + " in the site file, with what it does not tell ({enforces: kubernetes, pods: [...], services: [...]}); " +
		"or, where nobody minds: --accept-risk " + RiskNoIsolation
}

// takeIsolation asks an existing cluster what its tenants are isolated from, and puts it into the values of cozy-controller; what the
// site file says there wins. Nodes and networks that come later are taken in by the next run. It gives the reason why tenants are
// not isolated; empty: they are, as far as the policies go.
func (b *bringup) takeIsolation(ctx context.Context, client *kube.Client) (string, error) {
	i := slices.IndexFunc(b.plan.Packages, func(p bundles.Package) bool { return p.Name == controllerPackage })
	if !b.site.Hosted() || !b.site.HasTenants() || i < 0 {
		return "", nil
	}
	network, err := client.Network(ctx)
	if err != nil {
		return "", err
	}
	enforcement, err := client.Enforcement(ctx)
	if err != nil {
		return "", err
	}
	fact := isolationFact(b.isolationSeen(network, enforcement))
	said, _ := b.site.Packages.Values[controllerPackage][isolationValue].(map[string]any)
	maps.Copy(fact, said)

	text, err := json.Marshal(fact)
	if err != nil {
		return "", fmt.Errorf("write what tenants are isolated from: %w", err)
	}
	values := maps.Clone(b.plan.Packages[i].Values)
	read, err := policy.ReadSite(text)
	if err != nil {
		values[isolationValue] = nil
		b.plan.Packages[i].Values = values
		return fmt.Sprintf("it can't be told what to isolate them from: %v", err), nil
	}
	values[isolationValue] = fact
	b.plan.Packages[i].Values = values
	if read.Enforces == policy.EnforcesNothing {
		why := "the cluster has nothing that is known to enforce network policies (Cilium, Calico, Antrea, OVN-Kubernetes, " +
			"kindnet of kind v0.24 or later)"
		return strings.Join(append([]string{why}, enforcement.Idle...), "; "), nil
	}
	return "", nil
}

func (b *bringup) isolationSeen(network kube.Network, enforcement kube.Enforcement) *policy.Site {
	out := &policy.Site{
		Enforces: policy.EnforcesNothing, Nodes: singles(network.Nodes...), Pods: network.Pods, Services: network.Services,
		API: network.API, APIPort: network.APIPort, ClusterDomain: b.site.Network.ClusterDomain,
		Bastions: bastionsOf(b.site), Management: b.site.Network.Management,
	}
	if b.site.Exposure != nil {
		out.LoadBalancers = singles(b.site.Exposure.ExternalIPs...)
	}
	switch {
	case enforcement.Cilium:
		out.Enforces = policy.EnforcesCilium
	case enforcement.Kubernetes != "":
		out.Enforces = policy.EnforcesKubernetes
	}
	return out
}

// requireIsolation is takeIsolation, and an error where tenants are not isolated and nobody accepted that.
func (b *bringup) requireIsolation(ctx context.Context, client *kube.Client) error {
	why, err := b.takeIsolation(ctx, client)
	if err != nil || why == "" || b.accepts(RiskNoIsolation) {
		return err
	}
	return &NoIsolationError{Why: why}
}

// isolationSteps is what a preview says of it. A cluster that does not answer is no error.
func (b *bringup) isolationSteps(ctx context.Context, client *kube.Client) []string {
	if !b.site.HasTenants() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	why, err := b.takeIsolation(ctx, client)
	switch {
	case err != nil:
		return []string{"what isolates tenants can't be told: " + err.Error()}
	case why != "" && b.accepts(RiskNoIsolation):
		return []string{"isolate no tenant, which was accepted: " + why}
	case why != "":
		return []string{"stop, for tenants would not be isolated, and --accept-risk " + RiskNoIsolation + " is not given: " + why}
	}
	step := "isolate tenants by the cluster's network policies"
	if b.isolatesByAddress() {
		step += ", from the nodes that it has now: run up again when others joined"
	}
	return []string{step}
}

// isolatesByAddress reports whether takeIsolation found a network that knows nodes by their addresses only. Cilium knows them as such.
func (b *bringup) isolatesByAddress() bool {
	return slices.ContainsFunc(b.plan.Packages, func(p bundles.Package) bool {
		fact, _ := p.Values[isolationValue].(map[string]any)
		return p.Name == controllerPackage && fact["enforces"] == string(policy.EnforcesKubernetes)
	})
}
