// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRecordIsKeptWhenItHasChangedAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept []Record
		fails := true
		s := recorder(t, Record{})
		s.config.Keep = func(r Record) error {
			if fails {
				return errors.New("disk full")
			}
			kept = append(kept, r)
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			s.keep(ctx)
			close(ended)
		}()

		s.history.record(macOne, note{what: "DHCPDISCOVER"})
		time.Sleep(10*keepEvery + keepEvery/2) // never in the same moment as the server
		require.Empty(t, kept)
		fails = false
		time.Sleep(2 * keepEvery)
		require.Len(t, kept, 1, "what could not be kept is offered again")
		time.Sleep(10 * keepEvery)
		require.Len(t, kept, 1, "nothing has changed")

		for range 100 {
			s.history.record(macOne, note{what: "DHCPDISCOVER"})
		}
		s.notices.add(cameBack("node1", time.Minute))
		time.Sleep(2 * keepEvery)
		require.Len(t, kept, 2, "many changes at once")
		require.Len(t, kept[1].Notices, 1)

		s.history.record(macTwo, note{what: "DHCPDISCOVER"})
		cancel()
		<-ended
		require.Len(t, kept, 3)
		require.Len(t, kept[2].Boots, 2, "the last word, without a wait")
	})
}
