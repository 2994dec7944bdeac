// SPDX-License-Identifier: Apache-2.0

package policy

// Verdict is what the rules say of a flow.
type Verdict struct {
	IsAllowed bool
	// Row is the row of the rules that decided: 1 to 17; 0 where neither end is a pod of a tenant, and the rules are silent.
	Row int
	// Why is a sentence for people, without a full stop.
	Why string
}

// row is one line of the rules. The first that matches wins.
type row struct {
	number int
	// judge says why the row decides and how; an empty why: it does not match.
	judge func(Site, Flow) (isAllowed bool, why string)
}

// Verdict reads off the rules whether a flow is allowed. It looks at no policy.
func (s Site) Verdict(flow Flow) Verdict {
	if !flow.From.ofTenant() && !flow.To.ofTenant() {
		return Verdict{IsAllowed: true, Why: "neither end is a pod of a tenant: isolation of tenants says nothing of it"}
	}

	for _, row := range append(rowsWithin(), rowsAround()...) {
		if isAllowed, why := row.judge(s, flow); why != "" {
			return Verdict{IsAllowed: isAllowed, Row: row.number, Why: why}
		}
	}

	return Verdict{Row: 17, Why: "nothing allows it"}
}
