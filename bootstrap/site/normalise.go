// SPDX-License-Identifier: Apache-2.0

package site

import (
	"net"
	"strings"
)

// normalise brings what has several spellings into one, so that others may compare texts. Values that can't be read stay
// as they are for validation to report.
func (s *Site) normalise() {
	for i := range s.Nodes {
		node := &s.Nodes[i]
		node.MAC = normalMAC(node.MAC)
		for j, mac := range node.MACs {
			node.MACs[j] = normalMAC(mac)
		}
		node.UUID = strings.ToLower(node.UUID)
		if node.Network != nil {
			node.Network.normalise()
		}
	}
}

func (n *NodeNetwork) normalise() {
	if n.Bond != nil {
		for i, mac := range n.Bond.Members {
			n.Bond.Members[i] = normalMAC(mac)
		}
	}
	for i := range n.Links {
		n.Links[i].MAC = normalMAC(n.Links[i].MAC)
	}
}

func normalMAC(text string) string {
	if mac, err := net.ParseMAC(text); err == nil {
		return mac.String()
	}
	return text
}
