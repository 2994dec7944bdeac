// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/pxe"
)

// netbootText shows a status as tables, and hints as said has them. now is what ages are counted from.
func netbootText(said *cobra.Command, s bootstrap.NetbootStatus, now time.Time) string {
	var b strings.Builder
	switch {
	case s.Written.IsZero():
		b.WriteString("no netboot server has run with this work directory yet\n")
		return b.String()
	case s.Running:
		fmt.Fprintf(&b, "netboot server (%s) on %s, as of %s\n\n", s.Mode, strings.Join(s.Interfaces, ", "), clock(s.Written))
	default:
		fmt.Fprintf(&b, "the netboot server (%s) on %s ended; this is what it saw until %s\n\n", s.Mode, strings.Join(s.Interfaces, ", "), clock(s.Written))
		now = s.Written
	}
	rows := make([][]string, 0, len(s.Boots))
	for _, boot := range s.Boots {
		stuck := ""
		if boot.Diagnosis.Stuck {
			stuck = boot.Diagnosis.Cause
		}
		rows = append(rows, []string{
			nodeOrCode(boot.Boot), boot.MAC, cmp.Or(boot.Firmware, "-"), addressOf(boot.Boot), string(boot.Stage), age(now, boot.Since), stuck,
		})
	}
	b.WriteString(ui.Table([]string{"NODE", "MAC", "FIRMWARE", "ADDRESS", "STAGE", "SINCE", "STUCK"}, rows) + "\n")
	if len(s.Leases) > 0 {
		leases := make([][]string, 0, len(s.Leases))
		for _, l := range s.Leases {
			leases = append(leases, []string{l.Address.String(), cmp.Or(l.Node, "-"), l.MAC, l.State, clock(l.Until)})
		}
		b.WriteString("\n" + ui.Table([]string{"LEASE", "NODE", "MAC", "STATE", "UNTIL"}, leases) + "\n")
	}
	for _, n := range s.Notices {
		fmt.Fprintf(&b, "\nnotice (%s, %d times, last %s): %s\n", n.Kind, n.Count, clock(n.Last), ui.Printable(n.Text))
		if n.Hint != "" {
			fmt.Fprintf(&b, "    hint: %s\n", ui.Printable(copyable(said, n.Hint)))
		}
	}
	return b.String()
}

// explainText tells the boot of a machine's cards.
func explainText(said *cobra.Command, boots []bootstrap.DiagnosedBoot) string {
	var b strings.Builder
	for i, boot := range boots {
		if i > 0 {
			b.WriteString("\n")
		}
		explainOne(&b, said, boot)
	}
	return b.String()
}

func explainOne(b *strings.Builder, said *cobra.Command, boot bootstrap.DiagnosedBoot) {
	fmt.Fprintf(b, "%s (%s)", nodeOrCode(boot.Boot), boot.MAC)
	if boot.Firmware != "" {
		fmt.Fprintf(b, ", %s", boot.Firmware)
	}
	if boot.Address.IsValid() {
		fmt.Fprintf(b, ", address %s", boot.Address)
	}
	b.WriteString("\n\n")
	rows := make([][]string, 0, len(boot.Events))
	for _, e := range boot.Events {
		answer := "ignored"
		if e.Answered {
			answer = "answered"
		}
		rows = append(rows, []string{e.Time.Local().Format("15:04:05.000"), ui.Printable(e.What), answer, ui.Printable(e.Reason)})
	}
	b.WriteString(ui.Table([]string{"TIME", "ASKED", "ANSWER", "REASON"}, rows) + "\n\n")
	d := boot.Diagnosis
	if !d.Stuck {
		fmt.Fprintf(b, "at %s since %s\n", d.Stage, clock(d.Since))
		return
	}
	fmt.Fprintf(b, "stuck at %s since %s, likely cause: %s\n", d.Stage, clock(d.Since), ui.Printable(d.Cause))
	if d.Hint != "" {
		fmt.Fprintf(b, "    hint: %s\n", ui.Printable(copyable(said, d.Hint)))
	}
}

func nodeOrCode(boot pxe.Boot) string {
	if boot.Node != "" {
		return boot.Node
	}
	return "unknown, code " + boot.Code
}

func addressOf(boot pxe.Boot) string {
	if !boot.Address.IsValid() {
		return "-"
	}
	return boot.Address.String()
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func age(now, since time.Time) string { return now.Sub(since).Round(time.Second).String() }
