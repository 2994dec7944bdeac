// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"time"

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

// settling is how long a site may take after up until nothing is found fault with: sites are played side by side on few cores, where a
// question to a node or to the API now and then takes longer than status waits for an answer.
const settling = 30 * time.Second

// isWell asks for the status of the site until it is healthy. Where it is not it says why, and leaves the rest of the table out.
func (s *stage) isWell() siteStatus {
	s.t.Helper()
	for began := time.Now(); ; {
		code, out, said := s.onBastion(append([]string{"status", "-o", "json"}, s.ofSite()...)...)
		var status siteStatus
		require.NoError(s.t, json.Unmarshal([]byte(out), &status), "%s%s", said, out)
		unwell := status.unwell()
		require.Equal(s.t, len(unwell) == 0, status.Healthy, "the verdict and its reasons: %v", unwell)
		require.Equal(s.t, status.Healthy, code == 0, said)
		if status.Healthy {
			return status
		}
		require.Less(s.t, time.Since(began), settling, "it is not well: %v", unwell)
		s.t.Logf("not well %s after the first look: %v", time.Since(began).Round(time.Millisecond), unwell)
	}
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
