// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Record is what a server remembers, as it is kept in a file: another program reads it to tell people, and the next
// server takes it up. JSON keys are forever.
type Record struct {
	// Written is when the server last wrote it. Zero: never.
	Written    time.Time     `json:"written,omitzero"`
	Mode       Mode          `json:"mode,omitempty"`
	Interfaces []string      `json:"interfaces,omitempty"`
	Boots      []Boot        `json:"boots,omitempty"`
	Notices    []Notice      `json:"notices,omitempty"`
	Leases     []LeaseRecord `json:"leases,omitempty"` // ModeServer
}

// Boot is a Sighting as it is kept.
type Boot struct {
	Node     string     `json:"node,omitempty"` // "" for a stranger
	Code     string     `json:"code,omitempty"` // by which a stranger is approved
	MAC      string     `json:"mac"`
	UUID     string     `json:"uuid,omitempty"`
	Firmware string     `json:"firmware,omitempty"`
	Stage    Stage      `json:"stage"`
	Since    time.Time  `json:"since"`
	Address  netip.Addr `json:"address,omitzero"`
	LastSeen time.Time  `json:"lastSeen"`
	ToDisk   time.Time  `json:"toDisk,omitzero"`
	// TookAddress is when it last took an address from a DHCP server, and DHCPServer which.
	TookAddress time.Time  `json:"tookAddress,omitzero"`
	DHCPServer  netip.Addr `json:"dhcpServer,omitzero"`
	// Offer is the name or URL that it was last told, and Loading a file that it is fetching.
	Offer     string    `json:"offer,omitempty"`
	OfferedAt time.Time `json:"offeredAt,omitzero"`
	Loading   string    `json:"loading,omitempty"`
	Talk      Talk      `json:"talk,omitzero"`
	Events    []Event   `json:"events,omitempty"`
}

// LeaseRecord is an address that a machine has.
type LeaseRecord struct {
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac"`
	Node    string     `json:"node,omitempty"`
	State   string     `json:"state"`
	Until   time.Time  `json:"until,omitzero"`
}

// Code is by which a person names a stranger: short enough to be read over the telephone, and made of the hardware address,
// so that it stays the same. Six letters and digits; two strangers in a rack have the same one once in millions.
func Code(mac net.HardwareAddr) string {
	sum := sha256.Sum256(mac)
	return base32.StdEncoding.EncodeToString(sum[:])[:codeLength]
}

const codeLength = 6

// recordOf is how a sighting is kept.
func recordOf(s Sighting) Boot {
	b := Boot{
		Node: s.Machine, MAC: s.MAC.String(), UUID: s.UUID, Firmware: s.Firmware, Stage: s.Stage, Since: s.Since,
		Address: s.LastAddr, LastSeen: s.LastSeen, ToDisk: s.ToDisk, TookAddress: s.Chosen, DHCPServer: s.DHCP,
		Offer: s.Offer, OfferedAt: s.OfferedAt, Loading: s.Loading, Talk: s.Talk, Events: s.Events,
	}
	if s.Machine == "" {
		b.Code = Code(s.MAC)
	}
	return b
}

func (b Boot) sighting() (Sighting, error) {
	mac, err := net.ParseMAC(b.MAC)
	if err != nil || len(mac) != 6 {
		return Sighting{}, fmt.Errorf("netboot record: hardware address %q: want six bytes", b.MAC)
	}
	return Sighting{
		Machine: b.Node, MAC: mac, UUID: b.UUID, Firmware: b.Firmware, Stage: b.Stage, Since: b.Since,
		LastAddr: b.Address, LastSeen: b.LastSeen, ToDisk: b.ToDisk, Chosen: b.TookAddress, DHCP: b.DHCPServer,
		Offer: b.Offer, OfferedAt: b.OfferedAt, Talk: b.Talk, Events: b.Events, // its transfer ended with the server
	}, nil
}

// Record is what the server remembers now.
func (s *Server) Record() Record {
	seen := s.history.sightings()
	r := Record{Written: s.config.Now(), Mode: s.config.Mode, Interfaces: s.config.Interfaces}
	nodes := map[string]string{}
	for _, one := range seen {
		r.Boots = append(r.Boots, recordOf(one))
		nodes[one.MAC.String()] = one.Machine
	}
	r.Notices = s.notices.list()
	if given := s.addresses.Load(); given != nil {
		for _, l := range given.table.Leases() {
			r.Leases = append(r.Leases, LeaseRecord{
				Address: l.Address, MAC: l.MAC.String(), Node: nodes[l.MAC.String()], State: string(l.State), Until: l.Until,
			})
		}
	}
	return r
}

// Check refuses a record that no server can have written.
func (r Record) Check() error {
	for _, b := range r.Boots {
		if _, err := b.sighting(); err != nil {
			return err
		}
	}
	return nil
}

// takeUp goes on from an earlier server's record. Machines that are not of the site any more are strangers now.
func (s *Server) takeUp(r Record) error {
	known := map[string]bool{}
	for _, m := range s.config.Machines {
		known[m.Name] = true
	}
	var list []Sighting
	for _, b := range r.Boots {
		one, err := b.sighting()
		if err != nil {
			return err
		}
		if !known[one.Machine] {
			one.Machine = ""
		}
		list = append(list, one)
	}
	s.history.restore(list)
	s.notices.restore(r.Notices)
	return nil
}
