// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// Fingerprints of nobody.
const (
	oneFingerprint     = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	anotherFingerprint = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
)

func TestAnApprovalIsForOneBootOfOneMachine(t *testing.T) {
	for name, test := range map[string]struct {
		role, shows, left, before string
		want                      verdict
	}{
		"nobody looked":                       {site.ControlPlane, "F1", "", "", unapproved},
		"a person approved it":                {site.ControlPlane, "F1", "F1", "", acceptable},
		"and was heard":                       {site.ControlPlane, "F1", "F1", "F1", accepted},
		"and another was approved after that": {site.ControlPlane, "F1", "F2", "F1", accepted},
		"a person saw another":                {site.ControlPlane, "F2", "F1", "", unlike},
		"it rebooted after it was accepted":   {site.ControlPlane, "F2", "F1", "F1", unapproved},
		"the next boot is approved":           {site.ControlPlane, "F2", "F2", "F1", acceptable},
		"a person saw a third":                {site.ControlPlane, "F2", "F3", "F1", unlike},
		"it shows none":                       {site.ControlPlane, "", "", "", unapproved},
		"a worker":                            {site.Worker, "F1", "", "", accepted},
	} {
		require.Equal(t, test.want, judge(test.role, test.shows, test.left, test.before), name)
	}
}

func TestApproveNodeTakesOnlyWhatUpWouldAskFor(t *testing.T) {
	s := machineSiteWith(t, "mode: off", "mode: off, approve: fingerprint")
	work := t.TempDir()
	for name, test := range map[string]struct {
		site       *site.Site
		node, text string
		want       any
	}{
		"no such node":       {s, "cp9", oneFingerprint, new(*UnknownNodeError)},
		"a worker":           {s, "w1", oneFingerprint, new(*NoApprovalNeededError)},
		"a site without it":  {machineSiteWith(t, "", ""), "cp1", oneFingerprint, new(*NoApprovalNeededError)},
		"not a fingerprint":  {s, "cp1", "AAAA", new(*talos.FingerprintError)},
		"half a fingerprint": {s, "cp1", oneFingerprint[:40], new(*talos.FingerprintError)},
	} {
		_, err := ApproveNode(Options{Site: test.site, WorkDir: work}, test.node, test.text)
		require.ErrorAs(t, err, test.want, name)
	}
	require.NoDirExists(t, work+"/"+workdir.ApprovalsDir)

	var noDir *workdir.NoWorkDirError
	_, err := ApproveNode(Options{Site: s, WorkDir: work + "/none"}, "cp1", oneFingerprint)
	require.ErrorAs(t, err, &noDir)
	given, err := ApproveNode(Options{Site: s, WorkDir: work}, "cp1", " "+oneFingerprint+"\n")
	require.NoError(t, err)
	require.Equal(t, ApprovedNode{Node: "cp1", Fingerprint: oneFingerprint}, given)
}

// An approval that cannot be read is named where it may be the one that is waited for.
func TestAnUnreadableApprovalIsNamedWhileOneIsWaitedFor(t *testing.T) {
	b := withSecrets(t, machineSiteWith(t, "mode: off", "mode: off, approve: fingerprint"))
	require.NoError(t, workdir.Approve(b.dir.Path(""), workdir.Approval{Kind: workdir.ApproveNode, Name: "broken"}))
	_, err := b.dir.Approvals()
	require.NoError(t, err)
	require.NoError(t, b.dir.Write(t.Context(), workdir.ApprovalsDir+"/node.cp1", []byte("{}")))

	seen := map[string]sight{"cp1": {
		state: talos.Maintenance, fingerprint: oneFingerprint, addr: netip.MustParseAddrPort("127.212.7.2:50000"),
	}}
	may, err := b.approved(t.Context(), b.without(seen), seen)
	require.Empty(t, may)
	require.True(t, isUnapproved(err))
	require.ErrorContains(t, err, "node.cp1")
}

// The whole way: up waits, a wrong fingerprint is refused and named, the right one lets it go on by itself.
func TestAControlPlaneGetsItsConfigOnlyAfterItsFingerprintWasApproved(t *testing.T) {
	fleet := machines(t, map[byte]runtime.SecurityStateSpec{2: {}, 5: {}})
	options := Options{Site: machineSiteWith(t, "mode: off", "mode: off, approve: fingerprint"), WorkDir: t.TempDir(), Until: "install"}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	messages := make(chan string, 1000)
	ended := make(chan error, 1)
	options.Reporter = told(func(message string) { messages <- message })
	go func() {
		_, err := Up(ctx, options)
		ended <- err
	}()
	waitFor := func(text string) string {
		t.Helper()
		for {
			select {
			case message := <-messages:
				if strings.Contains(message, text) {
					return message
				}
			case err := <-ended:
				t.Fatalf("waiting for %q, the run ended with: %v", text, err)
			}
		}
	}

	waitFor("w1 took its config")
	message := waitFor("not approved yet: cp1 (127.212.7.2)")
	require.Contains(t, message, "cozy-install node approve cp1 --fingerprint")
	require.NotContains(t, message, fleet[2].shown(), "it must be read from the console")

	approveNode(t, options, oneFingerprint)
	waitFor("the machine at 127.212.7.2 shows another fingerprint than the one approved for cp1")
	require.False(t, fleet[2].disks.Installed())

	approved := fleet[2].shown()
	approveNode(t, options, approved)
	waitFor("cp1 took its config")
	require.NoError(t, <-ended, "and everything goes on")

	dir, err := workdir.OpenForReading(options.WorkDir)
	require.NoError(t, err)
	journal, err := dir.Journal()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"cp1": approved}, journal.Approvals)
}

func TestNobodyApprovingEndsTheWaitWithTheNextStep(t *testing.T) {
	fleet := machines(t, map[byte]runtime.SecurityStateSpec{2: {}})
	b := withSecrets(t, machineSiteWith(t, "mode: off", "mode: off, approve: fingerprint"))
	b.opts.NodeTimeout = 1500 * time.Millisecond
	err := b.applyConfigs().Run(t.Context(), func(string, ...any) {})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "waiting for a person to approve the control planes, or to restart machines")
	var hinting interface{ Hint() string }
	require.ErrorAs(t, err, &hinting)
	require.IsType(t, &UnapprovedError{}, hinting)
	require.False(t, fleet[2].disks.Installed())
	require.Empty(t, b.given)
}

// With approve any unknown machines are booted, but configs are for machines of the site file all the same.
func TestApproveAnyConfiguresOnlyMachinesOfTheSiteFile(t *testing.T) {
	fleet := machines(t, map[byte]runtime.SecurityStateSpec{5: {}})
	b := withSecrets(t, machineSiteWith(t, "mode: off}\nnodes:", "mode: off, approve: any}\nnodes:"))
	b.site.Nodes[1].MAC = "52:54:00:12:00:99" // the machine at w1's address is somebody else's
	seen, err := b.observe(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.Unreachable, seen["w1"].state)
	require.NoError(t, b.applyConfigs().Run(t.Context(), func(format string, args ...any) { t.Errorf(format, args...) }))
	require.False(t, fleet[5].disks.Installed())

	b.site.Nodes[1].MAC = "52:54:00:12:00:05"
	require.NoError(t, b.applyConfigs().Run(t.Context(), func(string, ...any) {}))
	require.NotEmpty(t, b.given["w1"])
}

func approveNode(t *testing.T, o Options, fingerprint string) {
	t.Helper()
	_, err := ApproveNode(o, "cp1", fingerprint)
	require.NoError(t, err)
}
