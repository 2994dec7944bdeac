// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNoticesAreToldOnceAndCounted(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	var told []Notice
	l := newNotices(func() time.Time { return now }, func(n Notice) { told = append(told, n) })
	l.add(Notice{Kind: NoDHCP, Subject: "eth0", Text: "first"})
	now = now.Add(time.Minute)
	l.add(Notice{Kind: NoDHCP, Subject: "eth0", Text: "second", Hint: "hint"})
	l.add(Notice{Kind: NoDHCP, Subject: "eth1"})
	l.add(Notice{Kind: CameBack, Subject: "node1"})

	require.Len(t, told, 3)
	require.Equal(t, uint64(4), l.recorded())
	list := l.list()
	require.Equal(t, []string{"node1", "eth0", "eth1"}, subjects(list))
	require.Equal(t, Notice{
		Kind: NoDHCP, Subject: "eth0", Text: "second", Hint: "hint", First: now.Add(-time.Minute), Last: now, Count: 2,
	}, list[1])

	l.clear(NoDHCP, "eth0")
	l.clear(NoDHCP, "eth0")
	l.clear(CameBack, "eth1")
	require.Equal(t, []string{"node1", "eth1"}, subjects(l.list()), "each interface has its own")
	require.Equal(t, uint64(5), l.recorded(), "what is not there is no change")

	l.add(Notice{Kind: NoDHCP, Subject: "eth0"})
	require.Len(t, told, 4, "after it was taken back it is new")
}

func TestNoticesAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	l := newNotices(func() time.Time { now = now.Add(time.Second); return now }, func(Notice) {})
	for i := range 10 * maxNotices {
		l.add(Notice{Kind: DuplicateAddress, Subject: strconv.Itoa(i)})
	}
	require.Len(t, l.list(), maxNotices)
	require.Contains(t, subjects(l.list()), strconv.Itoa(10*maxNotices-1))
	require.NotContains(t, subjects(l.list()), "0", "the oldest goes first")
}

func subjects(list []Notice) (out []string) {
	for _, n := range list {
		out = append(out, n.Subject)
	}
	return out
}
