// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
)

func TestPeakMemoryIsThatOfTheProcess(t *testing.T) {
	before, err := PeakMemory(os.Getpid())
	require.NoError(t, err)

	held := strings.Repeat("memory", 20<<20)
	after, err := PeakMemory(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, after-before, int64(len(held)/2))

	_, err = PeakMemory(-1)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTheSiteFileIsOneThatTheProgramTakes(t *testing.T) {
	factory := netip.MustParseAddrPort("127.99.0.1:8080")
	arch := func(n int) string { return map[int]string{7: "arm64"}[n] }

	for _, s := range []*Site{
		{Name: "small", Octet: 99, Nodes: MinNodes, Arch: arch}, {Name: "large", Octet: 99, Nodes: MaxNodes, Talos: "v1.12.6", Serves: true, Arch: arch},
	} {
		parsed, err := site.Parse("site.yaml", []byte(s.file(factory)))
		require.NoError(t, err, s.Name)
		require.Len(t, parsed.Nodes, s.Nodes)
	}
}

func TestEachSizeIsMeasuredUntilOneFails(t *testing.T) {
	var seen []int

	broken := errors.New("broken")
	err := EachSize("3, 50,500,1000", func(n int) error {
		seen = append(seen, n)
		if n == 500 {
			return broken
		}

		return nil
	})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "500 machines: ")
	require.Equal(t, []int{3, 50, 500}, seen)
	require.ErrorContains(t, EachSize("3,many", func(int) error { return nil }), "number of machines")
}

func TestAPortThatIsTakenIsNotFree(t *testing.T) {
	port, err := freePort(nil)
	require.NoError(t, err)
	require.NoError(t, isFree(port))

	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 99, 0, 1), Port: port})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	require.Error(t, isFree(port), "somebody has it on one address")
}
