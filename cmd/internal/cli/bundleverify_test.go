// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// A chart that a source lacks says nothing about the others, and is no proof of its own package.
func TestVerifyGoesOnWithoutChartsThatTheSourceLacks(t *testing.T) {
	plans, err := fullPlans([]string{"distro-hosted"}, func(*site.Site) string { return "" })
	require.NoError(t, err)
	index := "entries:\n"
	for _, p := range plans[0].Packages {
		if len(p.Chart.Manifests) > 0 { // else its manifests are asked for where they are
			index += fmt.Sprintf("  %s: [{version: %q, urls: [away.tgz], digest: aa}]\n", p.Chart.Name, p.Chart.Version)
		}
	}
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/index.yaml" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(index))
	}))
	defer source.Close()
	args := []string{"bundle", "verify", "distro-hosted", "--chart-source", source.URL}
	code, out, said := run(t, append(args, "-o", "json")...)
	require.Equal(t, exitFailed, code, "%s\n%s", said, out)
	var verdicts []bundles.Verdict
	require.NoError(t, json.Unmarshal([]byte(out), &verdicts))
	rendered, unreachable := 0, 0
	for _, v := range verdicts {
		switch v.State {
		case bundles.VerifiedRendered:
			rendered++
		case bundles.VerifiedUnreachable:
			unreachable++
			require.Len(t, v.Problems, 1)
			require.Contains(t, v.Problems[0], source.URL)
			require.Regexp(t, "not there|404", v.Problems[0])
		default:
			require.Fail(t, "a chart that is not there is not wrong", "%+v", v)
		}
	}
	require.Positive(t, rendered, "our own charts are with us")
	require.Positive(t, unreachable)
	require.Contains(t, said, strconv.Itoa(unreachable)+" of "+strconv.Itoa(len(verdicts))+" packages were not looked at")

	code, out, said = run(t, args...)
	require.Equal(t, exitFailed, code, said)
	require.Contains(t, out, strconv.Itoa(rendered)+" of "+strconv.Itoa(len(verdicts))+" rendered, "+strconv.Itoa(unreachable)+" not looked at")
}
