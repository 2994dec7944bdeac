// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRootsAreAskedForSideBySideAndMissedInTheirOrder(t *testing.T) {
	var now, most atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for n := now.Add(1); ; {
			if seen := most.Load(); n <= seen || most.CompareAndSwap(seen, n) {
				break
			}
		}
		time.Sleep(20 * time.Millisecond)
		now.Add(-1)
		if strings.Contains(r.URL.Path, "odd") {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	var roots, odd []Root
	for i := range 40 {
		root := Root{Repository: fmt.Sprintf("charts/even%d", i), Digest: sumOf([]byte{byte(i)})}
		if i%2 == 1 {
			root.Repository = fmt.Sprintf("charts/odd%d", i)
			odd = append(odd, root)
		}
		roots = append(roots, root)
	}
	err := Holds(t.Context(), strings.TrimPrefix(server.URL, "http://"), roots)
	var absent *AbsentError
	require.ErrorAs(t, err, &absent)
	require.Equal(t, odd, absent.Roots)
	require.LessOrEqual(t, most.Load(), int64(rootsAtOnce))
	require.Greater(t, most.Load(), int64(1))
}
