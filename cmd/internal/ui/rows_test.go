// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/phase"
)

// told is the event of an item of the phase "install the packages".
func told(name string, is phase.State, state, message string) phase.Event {
	item := &phase.Item{Name: name, State: state, Is: is, Message: message}
	return phase.Event{Phase: "packages", Title: "install the packages", State: phase.Waiting, Message: item.String(), Item: item}
}

func started() phase.Event {
	return phase.Event{Phase: "packages", Title: "install the packages", State: phase.Started}
}

func TestEachItemHasARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		progress := newTerminal(&out, func() (int, int) { return 60, 20 })
		progress.Report(started())
		progress.Report(told("cert-manager", phase.Started, "installing", ""))
		progress.Report(told("kamaji", phase.Waiting, "waiting", "for cert-manager"))
		progress.Report(told("multus", phase.Skipped, "present", "somebody else's"))
		time.Sleep(65500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, []string{
			"running  1m5s  install the packages: 1 of 3 are ready",
			"  NAME           STATE        AGE    WHY",
			"  cert-manager   installing   1m5s",
			"  kamaji         waiting      1m5s   for cert-manager",
			"  multus         present      1m5s",
		}, screen(out.String()))

		failed := told("cert-manager", phase.Failed, "failed", "timed out")
		failed.Item.Object, failed.Item.Event = "Deployment cozy-cert-manager/webhook: 0 of 1 is available", "BackOff"
		progress.Report(failed)
		require.Equal(t, "  cert-manager   failed    0s     Deployment cozy-cert-mana", screen(out.String())[2])
		require.Len(t, screen(out.String())[2], 59, "a line that wraps could not be erased")
		time.Sleep(30 * time.Second)
		progress.Report(failed)
		_, err := progress.Write([]byte("a log line\n"))
		require.NoError(t, err)
		require.Equal(t, "a log line", screen(out.String())[0])
		require.Contains(t, screen(out.String())[3], "  cert-manager   failed    30s", "one that fails again stays as old as it was")

		progress.Report(told("cert-manager", phase.Done, "ready", "upgraded"))
		progress.Report(told("kamaji", phase.Done, "ready", "installed"))
		require.Equal(t, "running  1m35s  install the packages: 3 of 3 are ready", screen(out.String())[1])
		progress.Report(phase.Event{Title: "install the packages", State: phase.Done, Elapsed: 96 * time.Second})
		require.Equal(t, []string{"a log line", "done     install the packages  1m36s", ""}, screen(out.String()))
		progress.Report(phase.Event{Title: "bring up the root tenant", State: phase.Started})
		require.Equal(t, "running  0s  bring up the root tenant", screen(out.String())[2], "rows belong to one phase")
		progress.Close()
		require.Len(t, screen(out.String()), 3)
	})
}

// The screens of one run on a terminal that is too low for it.
func TestALowTerminalShowsWhatIsNotReady(t *testing.T) {
	r := &rows{}
	now := time.Now()
	for i := range 4 {
		r.take(*told(fmt.Sprintf("done%d", i), phase.Done, "ready", "").Item, now)
	}
	r.take(*told("waits", phase.Waiting, "waiting", "for works").Item, now)
	r.take(*told("works", phase.Started, "installing", "").Item, now)
	r.take(*told("broken", phase.Failed, "failed", "no luck").Item, now)
	for height, want := range map[int]string{
		9: "NAME     STATE        AGE   WHY\n" +
			"done0    ready        0s\ndone1    ready        0s\ndone2    ready        0s\ndone3    ready        0s\n" +
			"waits    waiting      0s    for works\nworks    installing   0s\nbroken   failed       0s    no luck",
		5: "NAME     STATE        AGE   WHY\n" +
			"broken   failed       0s    no luck\nworks    installing   0s\nwaits    waiting      0s    for works\n" +
			"... and 4 more: 4 ready",
		3: "NAME     STATE    AGE   WHY\nbroken   failed   0s    no luck\n... and 6 more: 4 ready, 1 waiting, 1 installing",
		1: "",
	} {
		lines, items := r.draw(now, height)
		require.Equal(t, want, strings.Join(lines, "\n"), height)
		require.Len(t, items, len(lines), height)
	}
}

func TestAFailedPhaseLeavesTheRowsOfWhatIsNotReady(t *testing.T) {
	var out bytes.Buffer
	progress := newTerminal(&out, func() (int, int) { return 0, 0 })
	progress.Report(started())
	progress.Report(told("good", phase.Done, "ready", ""))
	progress.Report(told("bad", phase.Failed, "failed", "no\x1b[2J luck\nat all"))
	progress.Report(phase.Event{Title: "install the packages", State: phase.Failed, Elapsed: time.Minute})
	require.Equal(t, []string{
		"  NAME   STATE    AGE   WHY",
		"  bad    failed   0s    no�[2J luck at all",
		"failed   install the packages  1m0s", "",
	}, screen(out.String()))
	progress.Close()
}

func TestPlainWritesALineForEachChangeOfAnItem(t *testing.T) {
	var out bytes.Buffer
	progress := &plain{out: &out}
	progress.Report(started())
	progress.Report(told("kamaji", phase.Waiting, "waiting", "for cert-manager"))
	progress.Report(told("kamaji", phase.Done, "ready", ""))
	progress.Close()
	require.Equal(t, "00:00:00 start    install the packages\n"+
		"00:00:00 waiting  install the packages: kamaji is waiting: for cert-manager\n"+
		"00:00:00 waiting  install the packages: kamaji is ready\n", out.String())
}

func TestAgesAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 900 * time.Millisecond: "0s", 187 * time.Second: "3m7s", 125*time.Minute + 9*time.Second: "2h5m",
		2 * time.Hour: "2h0m",
	} {
		require.Equal(t, want, age(d))
	}
}
