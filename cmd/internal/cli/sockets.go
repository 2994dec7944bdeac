// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"net"
	"os"

	"github.com/cozystack/cozy-install/pxe"
)

// netbootSockets makes a server's sockets of those that systemd handed over, each named after its service by
// FileDescriptorName= of its socket unit. The files are closed; what is returned is the caller's to close.
func netbootSockets(files []*os.File) (pxe.Sockets, error) {
	var sockets pxe.Sockets
	var failed error
	for _, file := range files {
		failed = errors.Join(failed, addSocket(&sockets, file), file.Close())
	}
	if failed != nil {
		sockets.Close()
		return pxe.Sockets{}, failed
	}
	return sockets, nil
}

func addSocket(sockets *pxe.Sockets, file *os.File) (err error) {
	switch file.Name() {
	case "dhcp":
		sockets.DHCP, err = appendUDP(sockets.DHCP, file)
	case "proxy":
		sockets.Proxy, err = appendUDP(sockets.Proxy, file)
	case "tftp":
		sockets.TFTP, err = appendUDP(sockets.TFTP, file)
	case "http":
		listener, failed := net.FileListener(file)
		if failed != nil {
			return &pxe.SocketError{
				Name: file.Name(), Reason: "want TCP, and listening: " + failed.Error(),
				Fix: "open it with ListenStream= in its socket unit, and Accept=no",
			}
		}
		sockets.HTTP = append(sockets.HTTP, listener)
	default:
		return &pxe.SocketError{
			Name: file.Name(), Reason: "no service is called so; there are dhcp, proxy, tftp and http",
			Fix: "name the service in each socket unit, as in FileDescriptorName=dhcp",
		}
	}
	return err
}

// appendUDP adds the socket of a file, which stays open.
func appendUDP(list []*net.UDPConn, file *os.File) ([]*net.UDPConn, error) {
	fix := "open it with ListenDatagram= in its socket unit"
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return list, &pxe.SocketError{Name: file.Name(), Reason: "want UDP: " + err.Error(), Fix: fix}
	}
	udp, isUDP := conn.(*net.UDPConn)
	if !isUDP {
		return list, errors.Join(&pxe.SocketError{Name: file.Name(), Reason: "want UDP", Fix: fix}, conn.Close())
	}
	return append(list, udp), nil
}
