// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// filer is a socket whose file can be handed on.
type filer interface {
	File() (*os.File, error)
	Close() error
}

// handOver gives a socket to the program under a name, as systemd does.
func handOver(t *testing.T, name string, socket filer) *os.File {
	t.Helper()
	file, err := socket.File()
	require.NoError(t, err)
	number, err := syscall.Dup(int(file.Fd()))
	require.NoError(t, err)
	require.NoError(t, errors.Join(file.Close(), socket.Close()))
	named := os.NewFile(uintptr(number), name)
	t.Cleanup(func() { require.ErrorIs(t, named.Close(), os.ErrClosed, "nobody closed the socket %s", name) })
	return named
}

func udp(t *testing.T, network, address string) filer {
	t.Helper()
	conn, err := net.ListenPacket(network, address)
	require.NoError(t, err)
	return conn.(*net.UDPConn)
}

func tcp(t *testing.T, network, address string) filer {
	t.Helper()
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	return listener.(filer)
}

func TestSocketsAreToldApartByTheirNames(t *testing.T) {
	got, err := netbootSockets([]*os.File{
		handOver(t, "dhcp", udp(t, "udp4", "127.0.0.1:0")), handOver(t, "dhcp", udp(t, "udp4", "127.0.0.2:0")),
		handOver(t, "proxy", udp(t, "udp4", "127.0.0.3:0")), handOver(t, "tftp", udp(t, "udp4", "127.0.0.4:0")),
		handOver(t, "http", tcp(t, "tcp4", "127.0.0.5:0")),
	})
	require.NoError(t, err)
	defer got.Close()
	require.Len(t, got.DHCP, 2)
	require.Contains(t, got.DHCP[0].LocalAddr().String(), "127.0.0.1:")
	require.Contains(t, got.DHCP[1].LocalAddr().String(), "127.0.0.2:")
	require.Contains(t, got.Proxy[0].LocalAddr().String(), "127.0.0.3:")
	require.Contains(t, got.TFTP[0].LocalAddr().String(), "127.0.0.4:")
	require.Contains(t, got.HTTP[0].Addr().String(), "127.0.0.5:")
}

func TestWrongSocketsAreNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		udp, tcp string // name of the socket of that kind
		want     []string
	}{
		"no service is called so": {
			udp: "tftp", tcp: "web",
			want: []string{`netboot socket "web"`, "there are dhcp, proxy, tftp and http", "FileDescriptorName="},
		},
		"TCP for UDP": {udp: "tftp", tcp: "dhcp", want: []string{`netboot socket "dhcp": want UDP`, "ListenDatagram="}},
		"UDP for TCP": {udp: "http", tcp: "http", want: []string{`netboot socket "http": want TCP`, "ListenStream="}},
	} {
		for _, command := range []string{"pxe serve", "up"} {
			t.Run(name+", "+command, func(t *testing.T) {
				var stderr bytes.Buffer
				streams := Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &stderr, Sockets: []*os.File{
					handOver(t, tc.udp, udp(t, "udp4", "127.0.0.1:0")), handOver(t, tc.tcp, tcp(t, "tcp4", "127.0.0.1:0")),
				}}
				args := append(strings.Fields(command), "-f", example, "--work-dir", t.TempDir())
				require.Equal(t, exitFailed, Run(t.Context(), streams, "v", args))
				for _, want := range tc.want {
					require.Contains(t, stderr.String(), want)
				}
			})
		}
	}
}

func TestSocketsThatNobodyWantsAreClosed(t *testing.T) {
	streams := Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Sockets: []*os.File{
		handOver(t, "dhcp", udp(t, "udp4", "127.0.0.1:0")), handOver(t, "strange", udp(t, "udp4", "127.0.0.1:0")),
	}}
	require.Zero(t, Run(t.Context(), streams, "v", []string{"version"}))
}
