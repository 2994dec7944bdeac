// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// healthText is the matrix of nodes and checks, and below it why something is not ok.
func healthText(s bootstrap.Status) string {
	header := []string{"NODE"}
	rows := make([][]string, 0, len(s.Nodes))
	for i, n := range s.Nodes {
		row := []string{n.Name}
		for _, check := range n.Checks {
			if i == 0 {
				header = append(header, column(check.Check))
			}
			row = append(row, cell(check.State))
		}
		rows = append(rows, row)
	}
	text := ui.Table(header, rows) + "\n\n"
	if reasons := reasonRows(s); len(reasons) > 0 {
		text += ui.Table([]string{"CHECK", "STATE", "OF", "REASON"}, reasons) + "\n\n"
	}
	return text
}

// column is a check's name where there is little room.
func column(check string) string {
	short := map[string]string{
		"diagnostics": "diag", "staticPods": "pods", "registered": "node", "kubeProxy": "proxy", "schedulable": "sched",
	}
	if name, ok := short[check]; ok {
		check = name
	}
	return strings.ToUpper(check)
}

// cell is a state where there is little room.
func cell(state string) string {
	switch state {
	case bootstrap.CheckFailed:
		return "FAIL"
	case bootstrap.CheckUnknown:
		return "?"
	case bootstrap.CheckSkipped:
		return "-"
	}
	return state
}

// reasonRows are the checks that are not ok, one row for all nodes with the same reason.
func reasonRows(s bootstrap.Status) [][]string {
	var rows [][]string
	add := func(of string, results []bootstrap.CheckResult) {
		for _, r := range results {
			if r.State != bootstrap.CheckFailed && r.State != bootstrap.CheckUnknown {
				continue
			}
			added := false
			for _, row := range rows {
				if row[0] == r.Check && row[1] == r.State && row[3] == r.Reason {
					row[2] += ", " + of
					added = true
				}
			}
			if !added {
				rows = append(rows, []string{r.Check, r.State, of, r.Reason})
			}
		}
	}
	add("cluster", s.Checks)
	for _, n := range s.Nodes {
		add(n.Name, n.Checks)
	}
	return rows
}
