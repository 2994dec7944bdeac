// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	quotaKeyHint = "choose cpu, memory, storage or ephemeral-storage, one of them after requests. or limits., hugepages-<size>, pods, " +
		"services, another kind that Kubernetes counts, count/<resource>.<group>, or <domain>/<resource>"

	// maxQuotaKey keeps a key a qualified name of Kubernetes when requests. stands before it: 253 characters of a domain.
	maxQuotaKey = 240
	// maxCounted is the most that a count may be: Kubernetes takes it times 1000 to see whether it is whole, and has 63 bits.
	maxCounted = 9_000_000_000_000_000
)

// checkBounds says which bound a ResourceQuota of Kubernetes would be refused for, or would count nothing for; nil: none. The
// policy tenant-quota-keys of chart tenant-admission says the same, at the door.
func checkBounds(bounds Bounds) *Refusal {
	for _, key := range slices.Sorted(maps.Keys(bounds)) {
		amount := bounds[key]
		refuse := func(rule, hint string) *Refusal {
			return &Refusal{Reason: QuotaInvalid, Field: quotaField(key), Value: amount.String(), Rule: rule, hint: hint}
		}

		isCounted := isCountedKey(key)

		switch {
		case len(key) > maxQuotaKey || !isCounted && !measuredKey.MatchString(key):
			return refuse(key+" is nothing that can be bounded", quotaKeyHint)
		case amount.Sign() < 0:
			return refuse("a bound is never negative", "choose 0 or more")
		case isCounted && !isCount(amount):
			return refuse("what is counted is bounded by a whole number of at most 9P", "choose a whole number")
		}
	}

	return nil
}

// measuredKey matches what Kubernetes measures: its bounds may have fractions.
var measuredKey = regexp.MustCompile(
	`^(((requests[.]|limits[.])?(cpu|memory|ephemeral-storage))|(requests[.])?(storage|hugepages-[1-9][0-9]*[KMG]i))$`)

// countedKey matches what Kubernetes counts: kinds of its own, objects of any kind, and resources with a domain.
var countedKey = regexp.MustCompile(`^(pods|services|services[.]loadbalancers|services[.]nodeports|configmaps|secrets|persistentvolumeclaims|` +
	`replicationcontrollers|resourcequotas|count/[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?|` +
	`([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)$`)

// isCountedKey leaves out limits of extended resources, which nothing counts: their requests are their limits.
func isCountedKey(key string) bool {
	return countedKey.MatchString(key) && !strings.HasPrefix(key, "limits.")
}

func isCount(amount resource.Quantity) bool {
	whole, isWhole := amount.AsInt64()

	return isWhole && whole <= maxCounted
}
