// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/pxe/httpboot"
)

// Diagnosis says where a machine is in its boot, and why it does not go on.
type Diagnosis struct {
	Stage Stage     `json:"stage"`
	Since time.Time `json:"since"`
	Stuck bool      `json:"stuck"`
	// Cause is the likely cause of being stuck, and Hint what to do; both "" when it is not.
	Cause string `json:"cause,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

const (
	// stuckAfter is the patience of firmware: it gives up after 60 seconds without an answer.
	stuckAfter = time.Minute
	// stageTime is how long a stage may take while the machine goes on asking.
	stageTime = 2 * time.Minute
)

// Diagnose reads a boot's events. It is pure; notices are those of the same record.
func (b Boot) Diagnose(now time.Time, notices []Notice) Diagnosis {
	d := Diagnosis{Stage: b.Stage, Since: b.Since}
	if note, found := b.cameBack(now, notices); found {
		d.Stuck, d.Cause, d.Hint = true, note.Text, note.Hint
		return d
	}
	if b.Stage == StageSeen {
		if d.Cause = b.refused(); d.Cause == "" {
			return d // an operating system that asked for an address
		}
		d.Stuck = true
		if b.Node == "" {
			d.Hint = fmt.Sprintf("if it is one of yours, add it to the site file, or let it boot: cozy-install pxe approve %s", b.Code)
		}
		return d
	}
	if b.isDone() || b.Loading != "" || now.Sub(b.LastSeen) < stuckAfter && now.Sub(b.Since) < stageTime {
		return d // transfers have a time limit of their own
	}
	d.Cause, d.Hint = b.cause(notices)
	d.Stuck = true
	return d
}

// isDone says that nothing more is to be expected of the machine here.
func (b Boot) isDone() bool {
	return slices.Contains([]Stage{StageDisk, StageInitramfs, StageUKI}, b.Stage)
}

// cameBack is the notice that a machine which boots from its disk does not get there. It holds also while the machine is
// sent there again and again.
func (b Boot) cameBack(now time.Time, notices []Notice) (Notice, bool) {
	note, found := noticeOf(notices, CameBack, b.Node)
	isNow := now.Sub(note.Last) < comeBackWithin && !b.ToDisk.IsZero()
	return note, found && isNow && b.Stage != StageInitramfs && b.Stage != StageUKI
}

// refused is why a machine was last ignored when it wanted to boot; "" when it never did. The address that it then asks
// the DHCP server for is no reason.
func (b Boot) refused() string {
	for _, e := range slices.Backward(b.Events) {
		if !e.Answered && e.What != "DHCPREQUEST" {
			return e.Reason
		}
	}
	if len(b.Events) > 0 {
		return b.Events[len(b.Events)-1].Reason
	}
	return ""
}

// cause is why a machine does not get from its stage to the next one.
func (b Boot) cause(notices []Notice) (cause, hint string) {
	if last := b.lastFailure(); last != "" {
		return "the last transfer failed: " + last,
			"a firewall between here and the machine, packets that are lost, or a network with a smaller MTU"
	}
	switch b.Stage {
	case StageOffered:
		return b.notFollowed(notices)
	case StageAsked:
		return "it asked the boot service and was told, and did not ask for the file",
			"open UDP port 69 and the ports above 1023 from the machines to this host, or use --tftp-single-port"
	case StageLoader:
		return "iPXE was loaded and did not ask for its script: it got no address, or its network driver does not work",
			"look at its console; set spanning tree's portfast on its switch port; try another loader: nodes[].netboot.loader: ipxe.efi"
	case StageScript:
		return "iPXE has its script and did not fetch the kernel",
			"look at its console for iPXE's message; where its network driver hangs, try another loader: nodes[].netboot.loader: ipxe.efi"
	case StageKernel:
		return "iPXE has the kernel and did not fetch the initramfs", "look at its console: it may be short of memory"
	default:
		return "unknown", ""
	}
}

// notFollowed is why an offer was not followed.
func (b Boot) notFollowed(notices []Notice) (cause, hint string) {
	if i := slices.IndexFunc(notices, func(n Notice) bool { return n.Kind == ForeignPXE && n.Last.After(b.OfferedAt.Add(-time.Minute)) }); i >= 0 {
		return "another PXE server's offer was taken: " + notices[i].Text, notices[i].Hint
	}
	if b.TookAddress.Before(b.OfferedAt) {
		if i := slices.IndexFunc(notices, func(n Notice) bool { return n.Kind == NoDHCP }); i >= 0 {
			return notices[i].Text, notices[i].Hint
		}
		return "it took no address: no DHCP server offered one, or the answers do not reach it",
			"check the site's DHCP server and its range; set spanning tree's portfast on the machine's switch port"
	}
	const openHTTP = "open the HTTP port (TCP 8080) from the machines to this host"
	switch {
	case strings.Contains(b.Offer, httpboot.ScriptPath+"?"):
		return "iPXE took an address and did not ask for its script", openHTTP
	case strings.HasPrefix(b.Offer, "http://"):
		return "its firmware took an address and did not fetch " + b.Offer, openHTTP
	}
	return fmt.Sprintf("it took an address and did not come for its file; it was last told by %s, and the other ways are tried in turn", b.Talk.Dialect),
		"open UDP ports 69 and 4011 to this host; see that network boot by PXE, and not only by HTTP or iSCSI, is on in its firmware"
}

// lastFailure is the reason of the last event if a transfer failed there.
func (b Boot) lastFailure() string {
	if len(b.Events) == 0 {
		return ""
	}
	last := b.Events[len(b.Events)-1]
	isTransfer := strings.HasPrefix(last.What, "TFTP ") || strings.HasPrefix(last.What, "HTTP ")
	if !isTransfer || last.Stage != "" || !last.Answered || last.Reason == sizeAsked {
		return ""
	}
	return fmt.Sprintf("%s: %s", last.What, last.Reason)
}

func noticeOf(notices []Notice, kind NoticeKind, subject string) (Notice, bool) {
	i := slices.IndexFunc(notices, func(n Notice) bool { return n.Kind == kind && n.Subject == subject })
	if i < 0 || subject == "" {
		return Notice{}, false
	}
	return notices[i], true
}
