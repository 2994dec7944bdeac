// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"encoding/xml"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bundles"
)

func TestABundleIsDrawnInThreeForms(t *testing.T) {
	code, text, said := run(t, "bundle", "graph", "paas-full")
	require.Zero(t, code, said)
	require.Contains(t, text, "flux (core)\n")
	code, dot, said := run(t, "bundle", "graph", "--format=dot", "--file", "../../../examples/lab/site.yaml")
	require.Zero(t, code, said)
	require.Contains(t, dot, `digraph "paas-full" {`)
	code, svg, said := run(t, "bundle", "graph", "--format=svg", "paas-full")
	require.Zero(t, code, said)
	require.NoError(t, xml.Unmarshal([]byte(svg), new(struct{})))
	for _, args := range [][]string{{}, {"paas-full", "--file=x"}, {"paas-full", "--format=png"}, {"nonsense"}} {
		code, _, _ = run(t, append([]string{"bundle", "graph"}, args...)...)
		require.Equal(t, 2, code, "%v", args)
	}
}

func TestWhatASiteFileTurnsOffIsToldFromWhatIsOffByDefault(t *testing.T) {
	code, text, said := run(t, "bundle", "show", "--file", "../../../examples/lab/site.yaml")
	require.Zero(t, code, said)
	require.Regexp(t, `(?m)^Turned off by the site file: metrics-server, .*\bgoldpinger\b`, text)
	require.Regexp(t, `(?m)^Optional, off by default: nfs-driver, .*\bvelero\b`, text)
	require.NotRegexp(t, `(?m)^Optional.*goldpinger`, text)
	code, text, said = run(t, "bundle", "show", "paas-full")
	require.Zero(t, code, said)
	require.NotContains(t, text, "Turned off")
}

func TestImagesOfABundleNameTheirPackages(t *testing.T) {
	code, out, said := run(t, "bundle", "images", "paas-full", "-o", "json")
	require.Zero(t, code, said)
	var rows []imageRow
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.NotEmpty(t, rows)
	for _, row := range rows {
		require.NotEmpty(t, row.Packages, row.Image)
	}
}

// This is the offline part of `bundle verify`, for every bundle.
func TestEveryBundleVerifiesOffline(t *testing.T) {
	code, out, said := run(t, "bundle", "verify", "--offline", "-o", "json")
	require.Zero(t, code, "%s\n%s", said, out)
	var verdicts []bundles.Verdict
	require.NoError(t, json.Unmarshal([]byte(out), &verdicts))
	seen := map[string]int{}
	for _, v := range verdicts {
		seen[v.State]++
	}
	require.Positive(t, seen[bundles.VerifiedRendered])
	require.Zero(t, seen[bundles.VerifiedWrong])
}
