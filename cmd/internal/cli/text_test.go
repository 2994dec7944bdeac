// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func TestUpEndsWithWhatWasBuiltHowLongItTookAndHowToLookAtIt(t *testing.T) {
	out := bootstrap.Outcome{
		Site: "lab", Bundle: "paas-full", Packages: []string{"cilium", "flux"}, Kubeconfig: "/w/kubeconfig", Complete: true,
		Phases: []phase.Result{
			{ID: "secrets", Title: "create the cluster's secrets", State: phase.Skipped, Elapsed: time.Millisecond},
			{ID: "tenant-root", Title: "create tenant-root", State: phase.Done, Elapsed: 61234 * time.Millisecond},
		},
	}
	want := `
PHASE         WHAT                           TOOK
secrets       create the cluster's secrets   was done
tenant-root   create tenant-root             1m1.2s

Site lab is up with paas-full, after 1m1s: cilium, flux; tenant-root is Ready.

  export KUBECONFIG=/w/kubeconfig
  kubectl get tenants -A
`
	require.Equal(t, strings.TrimPrefix(want, "\n"), outcomeText(out))

	distro := out
	distro.Bundle, distro.Phases = "distro-full", out.Phases[:1]
	require.Contains(t, outcomeText(distro), "cilium, flux.\n\n  export KUBECONFIG=/w/kubeconfig\n  kubectl get nodes\n")

	out.Complete = false
	text := outcomeText(out)
	require.Contains(t, text, "Site lab is part of the way up, after 1m1s.")
	require.NotContains(t, text, "Ready", "nothing is claimed that was not seen")
	require.NotContains(t, text, "KUBECONFIG")
}

func TestPlanSaysOfEachPhaseWhetherItIsToBeDone(t *testing.T) {
	text := planText(nil, bootstrap.Planned{
		Site: "lab", Bundle: "paas-full", Packages: []string{"cilium"}, NotYetUsed: []string{"proxy"},
		Phases: []phase.Preview{
			{ID: "secrets", Title: "create the cluster's secrets", Done: true},
			{ID: "etcd", Title: "bootstrap etcd", Steps: []string{"ask", "bootstrap"}},
			{ID: "core", Title: "install the core", Unknown: "nobody answers"},
		},
	})
	require.Contains(t, text, " 1. secrets      create the cluster's secrets (done)\n")
	require.Contains(t, text, " 2. etcd         bootstrap etcd (to do)\n      ask\n      bootstrap\n")
	require.Contains(t, text, " 3. core         install the core (not known yet)\n      nobody answers\n")
	require.Contains(t, text, "not yet used by this version:\n  proxy\n")
}

func TestStatusGivesTheReasonOfWhatIsNotReady(t *testing.T) {
	text := statusText(bootstrap.Status{
		Nodes:    []bootstrap.NodeStatus{{Name: "cp1", Role: "controlplane", Address: "10.0.0.1", Talos: "running", Ready: true}, {Name: "w1", Talos: "unreachable", Reason: "not registered\nin Kubernetes"}},
		Packages: []bootstrap.PackageStatus{{Name: "flux", Ready: true, State: "present"}},
		Root:     &bootstrap.RootStatus{Host: "example.org", Reason: "no \x1b[2J"},
	})
	require.Regexp(t, `(?m)^cp1 +controlplane +10\.0\.0\.1 +running +yes$`, text)
	require.Regexp(t, `(?m)^w1 +unreachable +no +not registered in Kubernetes$`, text)
	require.Regexp(t, `(?m)^flux +present$`, text)
	require.Regexp(t, `(?m)^root +example\.org +no +no `, text)
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, statusText(bootstrap.Status{}), "TENANT", "where the bundle has none")
}

func TestDetailsBesideJSONProgressAreJSON(t *testing.T) {
	for form, isJSON := range map[ui.Form]bool{ui.JSON: true, ui.Plain: false, ui.Auto: false} {
		var out bytes.Buffer
		log := (&siteFlags{}).logTo(&out, form)
		log.Info("a detail")
		require.Empty(t, out.String(), "details are asked for with --verbose")
		log.Warn("look", "node", "cp1")
		require.Equal(t, isJSON, json.Valid(out.Bytes()), "%s: %s", form, out.String())

		out.Reset()
		(&siteFlags{verbose: true}).logTo(&out, form).Debug("a detail")
		require.Contains(t, out.String(), "a detail")
	}
}

func TestNetbootPortsAreGivenByName(t *testing.T) {
	ports, err := (&siteFlags{ports: map[string]int{"dhcp": 1067, "proxy": 1411, "tftp": 1069, "http": 1080}}).netbootPorts()
	require.NoError(t, err)
	require.Equal(t, []int{1067, 1411, 1069, 1080}, []int{ports.DHCP, ports.Proxy, ports.TFTP, ports.HTTP})
	_, err = (&siteFlags{ports: map[string]int{"ftp": 21}}).netbootPorts()
	require.ErrorContains(t, err, `no port is called "ftp"`)
	require.Equal(t, exitUsage, ExitCode(err))
}
