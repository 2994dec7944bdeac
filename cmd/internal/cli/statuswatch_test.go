// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
)

func sickStatus(etcd, why string) bootstrap.Status {
	return bootstrap.Status{
		Site: "lab",
		Nodes: []bootstrap.NodeStatus{
			{Name: "cp1", Talos: "running", Ready: true, Checks: []bootstrap.CheckResult{
				{Check: "apid", State: bootstrap.CheckOK}, {Check: "etcd", State: etcd, Reason: why}, {Check: "kubeProxy", State: bootstrap.CheckSkipped},
			}},
			{Name: "cp2", Talos: "running", Ready: true, Checks: []bootstrap.CheckResult{
				{Check: "apid", State: bootstrap.CheckOK}, {Check: "etcd", State: etcd, Reason: why}, {Check: "kubeProxy", State: bootstrap.CheckUnknown, Reason: "no answer"},
			}},
		},
		Checks: []bootstrap.CheckResult{{Check: "kubernetes", State: bootstrap.CheckOK}},
		Root:   &bootstrap.RootStatus{Ready: true},
	}
}

func TestTheMatrixShowsEachCheckOfEachNodeAndReasonsOnce(t *testing.T) {
	text := healthText(sickStatus(bootstrap.CheckFailed, "Preparing: \x1b[2Jpull"))
	require.Regexp(t, `(?m)^NODE +APID +ETCD +PROXY$`, text)
	require.Regexp(t, `(?m)^cp1 +ok +FAIL +-$`, text)
	require.Regexp(t, `(?m)^cp2 +ok +FAIL +\?$`, text)
	require.Regexp(t, `(?m)^etcd +failed +cp1, cp2 +Preparing: .*pull$`, text)
	require.Regexp(t, `(?m)^kubeProxy +unknown +cp2 +no answer$`, text)
	require.NotContains(t, text, "\x1b")

	well := healthText(bootstrap.Status{Nodes: []bootstrap.NodeStatus{{Name: "cp1", Checks: []bootstrap.CheckResult{{Check: "apid", State: bootstrap.CheckOK}}}}})
	require.NotContains(t, well, "REASON", "where nothing is wrong there is no list")
}

func TestAWatchOnAPipeWritesWhatChanged(t *testing.T) {
	var out bytes.Buffer
	noon := func() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }
	show := changes(&out, noon)
	require.NoError(t, show(sickStatus(bootstrap.CheckOK, "")))
	require.Contains(t, out.String(), "NODE", "the whole status comes first")
	out.Reset()
	require.NoError(t, show(sickStatus(bootstrap.CheckOK, "")))
	require.Empty(t, out.String())
	require.NoError(t, show(sickStatus(bootstrap.CheckFailed, "Failed: \x1b[2J")))
	require.Equal(t, "12:00:00 cp1 etcd: failed: Failed: \ufffd[2J\n12:00:00 cp2 etcd: failed: Failed: \ufffd[2J\n", out.String())
}

func TestAWatchInJSONWritesALineForEachOtherStatus(t *testing.T) {
	var out bytes.Buffer
	show := objects(&out)
	for _, status := range []bootstrap.Status{sickStatus("ok", ""), sickStatus("ok", ""), sickStatus("failed", "x")} {
		require.NoError(t, show(status))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	var read bootstrap.Status
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &read))
	require.Equal(t, sickStatus("failed", "x"), read)
}

func TestAWatchEndsWhenItWasToldTo(t *testing.T) {
	for name, test := range map[string]struct {
		flags   watchFlags
		healthy bool
		want    bool
	}{
		"watching":           {watchFlags{watch: true}, true, false},
		"until healthy":      {watchFlags{untilHealthy: true}, true, true},
		"not yet healthy":    {watchFlags{untilHealthy: true}, false, false},
		"both, and healthy":  {watchFlags{watch: true, untilHealthy: true}, true, true},
		"both, and not well": {watchFlags{watch: true, untilHealthy: true}, false, false},
	} {
		enough, err := test.flags.view(&bytes.Buffer{}, outputFlag{form: "json"})(bootstrap.Status{Healthy: test.healthy})
		require.NoError(t, err)
		require.Equal(t, test.want, enough, name)
	}
	_, err := (&watchFlags{}).view(broken{}, outputFlag{form: "json"})(bootstrap.Status{})
	require.ErrorIs(t, err, errBroken, "a reader that went away ends it")
	require.Equal(t, exitUsage, ExitCode((&watchFlags{interval: -time.Second}).check()))
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
