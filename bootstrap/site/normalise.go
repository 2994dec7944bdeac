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
		if mac, err := net.ParseMAC(node.MAC); err == nil {
			node.MAC = mac.String()
		}
		node.UUID = strings.ToLower(node.UUID)
	}
}
