// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bundles"
)

func TestPackagesOfADeadSiteCantBeToldAndPlansNeedNoCluster(t *testing.T) {
	file, work := deadSiteFile(t)
	for _, command := range []string{"status", "diff"} {
		code, out, said := run(t, "bundle", command, "-f", file, "--work-dir", work)
		require.Equal(t, exitFailed, code, said)
		require.Empty(t, out)
		require.Contains(t, said, "kubeconfig")
		code, _, said = run(t, "bundle", command, "-f", file, "--work-dir", work, "-o", "yaml")
		require.Equal(t, exitUsage, code, said)
	}
	code, out, said := run(t, "bundle", "install", "-f", file, "--work-dir", work, "--dry-run", "-o", "json")
	require.Zero(t, code, said)
	var planned struct {
		Change string
		Phases []struct{ Phase string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &planned))
	require.Equal(t, "install bundle paas-full", planned.Change)
	require.Equal(t, []struct{ Phase string }{{"core"}, {"packages"}}, planned.Phases)
	code, _, said = run(t, "bundle", "install", "-f", file, "--work-dir", work, "--accept-risk", "everything")
	require.Equal(t, exitUsage, code, said)
}

func TestBundleStatusShowsWhatIsInNoPlan(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	text := bundleStatusText(nil, bootstrap.BundleStatus{Packages: []bootstrap.PackageRow{
		{PackageStatus: bootstrap.PackageStatus{Name: "a", State: "ready"}, Planned: true, Chart: "1.2.3", Since: now.Add(-90 * time.Minute)},
		{PackageStatus: bootstrap.PackageStatus{Name: "old", State: "failed", Message: "why"}},
		{PackageStatus: bootstrap.PackageStatus{
			Name: "b", State: "installing", Message: "not healthy yet", Object: &bundles.FailingObject{Kind: "K", Name: "n", Why: "no"},
		}, Planned: true},
	}}, now)
	require.Regexp(t, `(?m)^a +ready +1\.2\.3 +1h30m0s *$`, text)
	require.Regexp(t, `(?m)^old +failed +not in the site file; why *$`, text)
	require.Regexp(t, `(?m)^b +installing +K n: no: not healthy yet *$`, text)
	require.Contains(t, text, "On the cluster and not in the site file: old\n")
}

func TestBundleDiffIsReadable(t *testing.T) {
	diffs := []bundles.PackageDiff{
		{Package: "a", Change: bundles.DiffAdd},
		{Package: "b", Change: bundles.DiffChange, Fields: []bundles.Field{{Path: "values.x", Old: "1", New: "2"}}},
		{Package: "c", Change: bundles.DiffRepair, Reason: "failed: no such image"},
		{Package: "d", Change: bundles.DiffRemove},
		{Package: "e", Change: bundles.DiffKeep, Reason: "it holds data: x", Loses: []string{"it holds data: x"}},
	}
	require.Equal(t, "add a\nchange b\n      values.x: 1 -> 2\nrepair c: failed: no such image\n"+
		"remove d\nkeep e: it holds data: x\n", bundleDiffText(diffs))
	require.Equal(t, "nothing differs: all packages are as the site file has them\n", bundleDiffText(nil))
	require.NoError(t, bootstrap.DifferentPackages(nil))
	var different *bootstrap.DifferentPackagesError
	require.ErrorAs(t, bootstrap.DifferentPackages(diffs), &different)
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, different.Packages)
	require.Contains(t, different.Hint(), "cozy-install bundle remove e --accept-risk data-loss")
	require.Empty(t, (&bootstrap.DifferentPackagesError{Packages: []string{"d"}}).Hint())
}
