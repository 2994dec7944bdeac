// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"net/http"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/manifests"
)

// VerifyBundles renders the charts of plans and holds them against their packages, see [bundles.Verify]. A source stands in
// for all chart repositories, as [bundles.Shelf.RedirectAnyhow] has it; empty: each package's own. Charts that it lacks are
// unreachable, and the others are looked at. Follow is [Options.ChartFollow]. Offline nothing is downloaded.
func VerifyBundles(
	ctx context.Context, plans []*bundles.Plan, source string, follow []string, offline bool,
) ([]bundles.Verdict, error) {
	charts, err := manifests.NewRepository(manifests.Charts())
	if err != nil {
		return nil, err
	}
	var web *http.Client
	if offline {
		web = &http.Client{Transport: unplugged{}}
	}
	shelf := bundles.NewShelf(charts, web).Guarded(archive.GuardCharts(follow))
	defaults := &site.Site{Bundle: site.PaaSFull} // charts ask for the version; hosted bundles have that of their cluster
	site.SetDefaults(defaults)
	out := []bundles.Verdict{}
	for _, plan := range plans {
		if source != "" {
			if err := shelf.RedirectAnyhow(ctx, plan, source); err != nil {
				return nil, err
			}
		}
		verdicts, err := bundles.Verify(ctx, shelf, plan, defaults.Kubernetes.Version)
		if err != nil {
			return nil, err
		}
		out = append(out, verdicts...)
	}
	return out, ctx.Err()
}

// unplugged is a network that is not there.
type unplugged struct{}

var errOffline = errors.New("nothing is downloaded offline")

func (unplugged) RoundTrip(*http.Request) (*http.Response, error) { return nil, errOffline }
