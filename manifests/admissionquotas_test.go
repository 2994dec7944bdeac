// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/cozystack/cozy-install/tenant"
)

const quotaKeys = "tenant-quota-keys.cozystack.io"

func quotaOf(key string, amount any) map[string]any {
	return map[string]any{"resourceQuotas": map[string]any{key: amount}}
}

// ruled is what the rules say of a tenant below the root, as a policy would say it; empty: they accept it.
func ruled(t *testing.T, tree ...tenant.Tenant) string {
	t.Helper()
	_, refused := tenant.Resolve(append([]tenant.Tenant{{Namespace: "tenant-root", Name: "root", Host: "example.org"}}, tree...))
	if len(refused) == 0 {
		return ""
	}
	require.Len(t, refused, 1)
	return asAdmissionSays(refused[0])
}

// asAdmissionSays is the text of a refusal at the door: the error, and what to do.
func asAdmissionSays(err error) string {
	var refusal *tenant.Refusal
	if !errors.As(err, &refusal) {
		return ""
	}
	return refusal.Error() + "; " + refusal.Hint()
}

// TestAdmissionOfBoundsSpeaksAsTheRulesDo holds the policy against the controller's own answer, word by word.
func TestAdmissionOfBoundsSpeaksAsTheRulesDo(t *testing.T) {
	root, _ := tenant.Resolve([]tenant.Tenant{{Namespace: "tenant-root", Name: "root"}})
	p := readPolicy(t, quotaKeys)
	verdicts := map[bool]int{}
	for _, key := range []string{
		"cpu", "requests.cpu", "limits.ephemeral-storage", "storage", "requests.storage", "limits.storage", "hugepages-2Mi", "requests.hugepages-1Gi",
		"limits.hugepages-1Gi", "hugepages-0Gi", "pods", "requests.pods", "services.nodeports", "services.x", "count/secrets", "count/deployments.apps",
		"count/", "count/a/b", "nvidia.com/gpu", "requests.nvidia.com/gpu", "limits.nvidia.com/gpu", "nvidia/gpu", "Nvidia.com/gpu", "nvidia.com/GPU_1",
		"gold.storageclass.storage.k8s.io/requests.storage", "apples", "CPU", "", " cpu", "cpu\n", "nvidia.com/" + strings.Repeat("x", 63),
		"nvidia.com/" + strings.Repeat("x", 64), strings.Repeat("a.", 118) + "b/c", strings.Repeat("a.", 119) + "b/c",
	} {
		for _, amount := range []string{"0", "1", "500m", "-1", "-500m", "8Gi", "1500m", "9P", "10P", "8E", "1n"} {
			quantity := resource.MustParse(amount)
			want := ruled(t, tenant.Tenant{Namespace: "tenant-root", Name: "young", Bounds: tenant.Bounds{key: quantity}})
			got := p.judge(t, limited(root["tenant-root"], "young", quotaOf(key, quantity.String()), nil))
			require.Equal(t, want, got, "%q: %s", key, amount)
			verdicts[want == ""]++
		}
	}
	require.Greater(t, verdicts[true], 50)
	require.Greater(t, verdicts[false], 50)
}

func TestAdmissionOfBoundsTakesNoAmountThatNoProgramReads(t *testing.T) {
	root, _ := tenant.Resolve([]tenant.Tenant{{Namespace: "tenant-root", Name: "root"}})
	for amount, isTaken := range map[any]bool{
		int64(4): true, "4.": true, ".5": true, "+2": true, "1e3": true, "1E-3": true, "1.50": true,
		"1e1.5": false, "1e2147483647": false, "1e100": false, ".": false, "": false, "apples": false, strings.Repeat("9", 19): false,
	} {
		got := judge(t, quotaKeys, limited(root["tenant-root"], "young", quotaOf("cpu", amount), nil))
		require.Equal(t, isTaken, got == "", "%v: %s", amount, got)
		if text, isText := amount.(string); isText && isTaken {
			_, err := resource.ParseQuantity(text)
			require.NoError(t, err, amount)
		}
	}
}

func TestAdmissionOfBoundsLooksAtWhatChanges(t *testing.T) {
	root, _ := tenant.Resolve([]tenant.Tenant{{Namespace: "tenant-root", Name: "root"}})
	change := func(before, after map[string]any) string {
		return judge(t, quotaKeys, changed(limited(root["tenant-root"], "a", map[string]any{"resourceQuotas": after}, nil),
			map[string]any{"resourceQuotas": before}, nil))
	}
	require.Empty(t, change(map[string]any{"apples": "1", "cpu": "1"}, map[string]any{"apples": "1", "cpu": "2"}))
	require.Contains(t, change(map[string]any{"apples": "1"}, map[string]any{"apples": "2"}), `spec.resourceQuotas.apples: "2": `)
}
