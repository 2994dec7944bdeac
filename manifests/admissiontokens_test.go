// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
)

// tokenRefusal is what admission says to a request for a token of an account in tenant-a, whose namespace has these labels. Nil
// seconds: it is left to the API server for how long. Empty: allowed, or none of its business.
func tokenRefusal(t *testing.T, p policy, account string, seconds any, labels map[string]any) string {
	t.Helper()
	input := creation("tenant-a", account, labels)
	spec := map[string]any{"audiences": []any{}}
	if seconds != nil {
		spec["expirationSeconds"] = seconds
	}
	input["object"] = map[string]any{"metadata": map[string]any{}, "spec": spec}
	input["request"].(map[string]any)["name"] = account
	for _, condition := range p.Spec.MatchConditions {
		if p.evaluate(t, condition.Expression, input) != true {
			return ""
		}
	}
	return p.judge(t, input)
}

func TestAdmissionBoundsTokensOfLevels(t *testing.T) {
	p := readPolicy(t, "tenant-tokens.cozystack.io")
	ofATenant := map[string]any{tenant.AncestorLabel + "tenant-a": ""}
	most, years := int64(admin.MaxTTL/time.Second), int64(1)<<32

	for _, level := range tenant.Levels() {
		account := tenant.Account(level)
		require.Empty(t, tokenRefusal(t, p, account, nil, ofATenant))
		require.Empty(t, tokenRefusal(t, p, account, int64(admin.MinTTL/time.Second), ofATenant))
		require.Empty(t, tokenRefusal(t, p, account, most, ofATenant))
		require.Equal(t, fmt.Sprintf(`spec.expirationSeconds: "%d": a token of %s is good for 86400 seconds at most, which are 24 hours; `+
			"ask for one that ends sooner, and for another when it has ended", most+1, account), tokenRefusal(t, p, account, most+1, ofATenant))
		require.Contains(t, tokenRefusal(t, p, account, years, ofATenant), `"4294967296"`)

		for name, labels := range map[string]map[string]any{
			"no label": nil, "of others": {"team": "x"}, "of a tenant above": {tenant.AncestorLabel + "tenant-root": ""},
		} {
			require.Empty(t, tokenRefusal(t, p, account, years, labels), "a namespace that is no tenant's: %s", name)
		}
	}

	// Flux, the controllers of Kubernetes and kubelets ask for these, and for as long as they like.
	for _, account := range []string{tenant.ReleaseAccount, tenant.ServiceAccount, "default", "db", "tenant-viewer"} {
		require.Empty(t, tokenRefusal(t, p, account, years, ofATenant), account)
	}
}
