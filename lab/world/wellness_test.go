// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"

	"github.com/stretchr/testify/require"
)

// siteStatus is what tests read of `status -o json`.
type siteStatus struct {
	Healthy bool
	Nodes   []struct {
		Name, Talos, Reason string
		Ready               bool
		Checks              []siteCheck
	}
	Checks   []siteCheck
	Packages []struct {
		Name, State, Message string
		Ready                bool
	}
	TenantRoot *struct {
		Host, Reason string
		Ready        bool
	}
}

type siteCheck struct{ Check, State, Reason string }

// isWell asks for the status of the site, and where that is not healthy it says why and leaves the rest of the table out.
func (s *stage) isWell() siteStatus {
	s.t.Helper()
	code, out, said := s.onBastion(append([]string{"status", "-o", "json"}, s.ofSite()...)...)
	var status siteStatus
	require.NoError(s.t, json.Unmarshal([]byte(out), &status), "%s%s", said, out)
	require.Empty(s.t, status.unwell(), said)
	require.True(s.t, status.Healthy, said)
	require.Zero(s.t, code, said)
	return status
}

func (s siteStatus) unwell() []string {
	out := unwell("cluster", s.Checks)
	for _, n := range s.Nodes {
		if !n.Ready {
			out = append(out, n.Name+" is not ready: "+n.Reason)
		}
		out = append(out, unwell(n.Name, n.Checks)...)
	}
	for _, p := range s.Packages {
		if !p.Ready {
			out = append(out, "package "+p.Name+" is "+p.State+": "+p.Message)
		}
	}
	if s.TenantRoot != nil && !s.TenantRoot.Ready {
		out = append(out, "tenant-root: "+s.TenantRoot.Reason)
	}
	return out
}

func unwell(of string, checks []siteCheck) []string {
	var out []string
	for _, c := range checks {
		if c.State != "ok" && c.State != "skipped" {
			out = append(out, of+": "+c.Check+" is "+c.State+": "+c.Reason)
		}
	}
	return out
}
