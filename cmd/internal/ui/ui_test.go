// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/phase"
)

func event(state phase.State, message string, elapsed time.Duration) phase.Event {
	return phase.Event{
		Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(elapsed), Phase: "etcd", Title: "bootstrap etcd",
		State: state, Message: message, Elapsed: elapsed, Seconds: elapsed.Seconds(),
	}
}

func TestPlainWritesALineForEachEvent(t *testing.T) {
	var out bytes.Buffer
	progress, err := New(&out, Auto) // no terminal
	require.NoError(t, err)
	progress.Report(event(phase.Started, "", 0))
	progress.Report(event(phase.Waiting, "etcd on cp1\nis starting", time.Second))
	progress.Report(event(phase.Waiting, "etcd on cp1\nis starting", 2*time.Second))
	_, err = progress.Write([]byte("level=WARN msg=x\n"))
	require.NoError(t, err)
	progress.Report(event(phase.Done, "", 12400*time.Millisecond))
	progress.Report(phase.Event{Title: "fetch the kubeconfig", State: phase.Skipped})
	progress.Close()
	progress.Close()
	require.Equal(t, "12:00:00 start    bootstrap etcd\n"+
		"12:00:01 waiting  bootstrap etcd: etcd on cp1 is starting\n"+
		"level=WARN msg=x\n"+
		"12:00:12 done     bootstrap etcd (12s)\n"+
		"00:00:00 skipped  fetch the kubeconfig\n", out.String())
}

func TestPlainShowsLifeInLongWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		progress, err := New(&out, Plain)
		require.NoError(t, err)
		progress.Report(event(phase.Waiting, "cp1 boots", 0))
		time.Sleep(65 * time.Second)
		progress.Report(event(phase.Failed, "", 65*time.Second))
		time.Sleep(time.Hour)
		progress.Close()
		require.Equal(t, "12:00:00 waiting  bootstrap etcd: cp1 boots\n"+
			"12:00:30 waiting  bootstrap etcd: cp1 boots\n"+
			"12:01:00 waiting  bootstrap etcd: cp1 boots\n"+
			"12:01:05 failed   bootstrap etcd (1m5s)\n", out.String())
	})
}

func TestJSONWritesAnObjectForEachEvent(t *testing.T) {
	var out bytes.Buffer
	progress, err := New(&out, JSON)
	require.NoError(t, err)
	e := event(phase.Failed, "", 1500*time.Millisecond)
	e.Err = "no answer"
	progress.Report(e)
	progress.Report(event(phase.Started, "", 0))
	progress.Close()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, 2)
	require.JSONEq(t, `{"time":"2026-03-01T12:00:01.5Z","phase":"etcd","title":"bootstrap etcd","state":"failed","elapsedSeconds":1.5,"error":"no answer"}`, lines[0])
	require.True(t, json.Valid([]byte(lines[1])))
}

func TestNewRefusesAnUnknownForm(t *testing.T) {
	_, err := New(&bytes.Buffer{}, "fancy")
	require.EqualError(t, err, `progress "fancy": not one of auto, plain, json`)
}

func TestTerminalRepaintsTheRunningPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		progress := newTerminal(&out, func() (int, int) { return 40, 20 })
		progress.Report(phase.Event{Title: "make the secrets", State: phase.Skipped})
		progress.Report(event(phase.Started, "", 0))
		require.Equal(t, []string{"skipped  make the secrets", "running  0s  bootstrap etcd"}, screen(out.String()))

		progress.Report(event(phase.Waiting, "cp1 boots", time.Second))
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, "running  3s  bootstrap etcd: cp1 boots", screen(out.String())[1])

		_, err := progress.Write([]byte("a log line\n"))
		require.NoError(t, err)
		require.Equal(t, []string{"skipped  make the secrets", "a log line", "running  3s  bootstrap etcd: cp1 boots"}, screen(out.String()))

		progress.Report(event(phase.Waiting, strings.Repeat("long", 20), 4*time.Second))
		require.Len(t, screen(out.String())[2], 39, "a line that wraps could not be erased")

		progress.Report(event(phase.Done, "", 4*time.Second))
		progress.Report(event(phase.Started, "", 0))
		progress.Close()
		progress.Close()
		require.Equal(t, []string{"skipped  make the secrets", "a log line", "done     bootstrap etcd  4s", ""}, screen(out.String()))
	})
}

func TestTextFromTheNetworkCannotSteerTheTerminal(t *testing.T) {
	var out bytes.Buffer
	progress := newTerminal(&out, func() (int, int) { return 0, 0 })
	progress.Report(event(phase.Done, "\x1b]0;owned\x07\u009b2J\u202e", 0))
	progress.Close()
	require.Equal(t, "done     bootstrap etcd: �]0;owned��2J�  0s\n", out.String())
	require.Equal(t, "a\tb\n�[31m", Printable("a\tb\n\x1b[31m"))
}

func TestTableAlignsColumns(t *testing.T) {
	header := []string{"NODE", "ROLE", "Ready"}
	require.Equal(t, ""+
		"NODE            ROLE           Ready\n"+
		"cp1             controlplane   yes\n"+
		"worker-eleven\n"+
		"bad cell                       no",
		Table(header, [][]string{{"cp1", "controlplane", "yes"}, {"worker-eleven"}, {"bad\ncell", "", "no"}}))
	require.Equal(t, "NODE   ROLE   Ready", Table(header, nil))
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	progress, err := New(file, Auto)
	require.NoError(t, err)
	require.Equal(t, "*ui.plain", fmt.Sprintf("%T", progress))
}
