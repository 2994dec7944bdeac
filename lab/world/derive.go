// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/cozystack/cozy-install/bootstrap/site"
)

// onLoopback rewrites a site file for a place on loopback: every address of the node network becomes the one with the same
// last byte there, the machines are reached over the interface lo, and the image factory is at the place's port. Names,
// hardware addresses and disks stay, so do all other values. Comments go: they tell of the other network.
//
//	10.77.0.11 -> 127.77.n.11, http://10.77.0.1:8080 -> http://127.77.n.1:<factory port>
//
// Other files that the site file names must have absolute paths.
func onLoopback(text []byte, s *site.Site, p plot) ([]byte, error) {
	if _, err := factoryAddr(s); err != nil {
		return nil, err
	}
	if s.Network.NodeSubnet.Bits() < p.nodes.Bits() {
		return nil, fmt.Errorf("network.nodeSubnet %s: a simulated site has room for a /%d", s.Network.NodeSubnet, p.nodes.Bits())
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	// Octets in any place: inside URLs, prefixes and ranges as well.
	mover{from: s.Network.NodeSubnet, to: p.nodes, address: regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`)}.move(&document)
	document.HeadComment = "# The same site at other addresses, for simulated machines on loopback."
	gateway := moved(s.Network.Gateway, p.nodes)
	for _, field := range []struct{ section, key, value string }{
		{"netboot", "interface", "lo"},
		{"talos", "factory", "http://" + netip.AddrPortFrom(gateway, p.factory).String()},
	} {
		node := child(child(document.Content[0], field.section), field.key)
		if node == nil {
			return nil, fmt.Errorf("%s.%s: missing, and it must be another one on loopback", field.section, field.key)
		}
		node.Value = field.value
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&document); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// mover changes the addresses of one network into those of another.
type mover struct {
	from, to netip.Prefix
	address  *regexp.Regexp
}

// move changes every value below a node, and removes its comments.
func (m mover) move(node *yaml.Node) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	if node.Kind == yaml.ScalarNode {
		node.Value = m.address.ReplaceAllStringFunc(node.Value, func(text string) string {
			if a, err := netip.ParseAddr(text); err == nil && m.from.Contains(a) {
				return moved(a, m.to).String()
			}
			return text
		})
	}
	for _, child := range node.Content {
		m.move(child)
	}
}

// moved is the address with the same last byte in another network.
func moved(a netip.Addr, to netip.Prefix) netip.Addr {
	bytes := to.Addr().As4()
	bytes[3] = a.As4()[3]
	return netip.AddrFrom4(bytes)
}

// child is the value of a key; nil when there is none.
func child(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}
