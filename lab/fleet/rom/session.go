// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/cozystack/cozy-install/lab/fleet/dhcp"
	"github.com/cozystack/cozy-install/lab/fleet/lan"
)

// session is one stage's conversation: the firmware's, then the loader's.
type session struct {
	*ROM

	conn           lan.DHCPConn
	options        []dhcpv4.Modifier
	requestOptions []dhcpv4.Modifier
	ipxe           bool   // iPXE asks
	native         bool   // from the ROM
	features       []byte // of iPXE

	address netip.Prefix // held while valid
	http    *http.Client // made with the address
}

// firmware is the first stage.
func (r *ROM) firmware(conn lan.DHCPConn) *session {
	s := &session{ROM: r, conn: conn}

	if !r.Machine.Firmware.isIPXE() {
		s.options, s.requestOptions = r.firmwareOptions(), r.firmwareRequestOptions()

		return s
	}

	s.ipxe, s.native, s.features = true, true, r.nativeFeatures()
	s.options = r.ipxeOptions(false, s.features)

	return s
}

// nativeFeatures are those of the iPXE that sits in the network card.
func (r *ROM) nativeFeatures() []byte {
	if r.Machine.Firmware == IPXEROMCut {
		return cutFeatures()
	}

	return r.features()
}

// loader is the iPXE that a file started.
func (r *ROM) loader(conn lan.DHCPConn, from bootInfo) *session {
	features := r.features()

	return &session{
		ROM: r, conn: conn, ipxe: true, features: features, options: r.ipxeOptions(!from.isURL(), features),
	}
}

func (s *session) has(feature byte) bool { return slices.Contains(s.features, feature) }

// bootFile asks for an address and for the file to boot.
func (s *session) bootFile(ctx context.Context) (bootInfo, error) {
	offers, ack, err := s.configure(ctx)
	if err != nil {
		return bootInfo{}, err
	}

	source := offers.Proxy
	if source == nil && s.likes(offers.Address) {
		// One server for both: what counts is its last word, and some ROMs read nothing else.
		if source = ack; !s.likes(ack) || fileName(ack) == "" && fileName(offers.Address) != "" {
			return bootInfo{}, fmt.Errorf("%w: %s offered a boot file and does not acknowledge it",
				ErrNoBootFile, ack.ServerIdentifier())
		}
	}

	if source == nil {
		return bootInfo{}, ErrNoBootFile
	}

	if !s.ipxe && s.Machine.Firmware.byHTTP() {
		return bootInfo{file: fileName(source)}, nil
	}

	if s.needsBootServer(source) {
		if source, err = s.askBootServer(ctx, source); err != nil {
			return bootInfo{}, err
		}
	}

	return readBootInfo(source)
}

// configure takes an address and puts it on the port.
func (s *session) configure(ctx context.Context) (dhcp.Offers, *dhcpv4.DHCPv4, error) {
	client := &dhcp.Client{
		Conn: s.conn, Clock: s.Clock, MAC: s.Port.MAC(), Options: s.options, RequestOptions: s.requestOptions,
		Unicast: s.native, WantProxy: true, InsistOnProxy: !s.ipxe, Likes: s.likes,
		Drop: func() bool { return s.drop(DHCP) },
	}

	offers, err := client.Discover(ctx)
	if err != nil {
		return dhcp.Offers{}, nil, err
	}

	ack, err := client.Request(ctx, offers.Address)
	if err != nil {
		return dhcp.Offers{}, nil, err
	}

	address, err := dhcp.Prefix(ack)
	if err != nil {
		return dhcp.Offers{}, nil, err
	}

	if err := s.Port.Assign(address); err != nil {
		return dhcp.Offers{}, nil, err
	}

	s.address = address
	s.report("address", map[string]string{"address": address.String(), "server": ack.ServerIdentifier().String()})

	return offers, ack, nil
}

// release takes the address away again: the next stage and the operating system each ask for their own.
func (s *session) release() {
	if s.http != nil {
		s.http.CloseIdleConnections()
		s.http = nil
	}

	if s.address.IsValid() {
		_ = s.Port.Release(s.address) // the port may be gone with the machine's power
		s.address = netip.Prefix{}
	}
}
