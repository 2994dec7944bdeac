// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Where the system finds devices by names that stay theirs. A by-id name holds the serial number of one device of the world.
const (
	byID        = "/dev/disk/by-id/"
	byPartLabel = "/dev/disk/by-partlabel/"
)

// rawVolumeLabel starts the label that Talos gives the partition of a raw volume.
const rawVolumeLabel = "r-"

// stableDevice is a path by which udev finds a device as long as it is the same: sdb is another one after the next boot, and
// what was on it is lost.
func stableDevice(text string) bool {
	return regexp.MustCompile(`^/dev/disk/by-(id|path|partlabel|partuuid)/[^/]+$`).MatchString(text) && path.Clean(text) == text
}

// storage checks the devices that one node gives to the platform's volumes.
func (c *checker) storage(at string, node Node) {
	c.names(at, node.Storage, stableDevice, "not a name that the device keeps: /dev/disk/by-id/..., or by-path, by-partlabel, by-partuuid")
	for i, device := range node.Storage {
		label, ok := strings.CutPrefix(device, byPartLabel+rawVolumeLabel)
		if ok && !node.hasRawVolume(label) && !c.broken.touches(at) {
			c.fail(fmt.Sprintf("%s[%d]", at, i), device, "this node has no raw volume of that name", "add it to volumes.raw: {name: "+label+", size: 500GiB}")
		}
	}
}

func (n Node) hasRawVolume(name string) bool {
	return n.Volumes != nil && slices.ContainsFunc(n.Volumes.Raw, func(v RawVolume) bool { return v.Name == name })
}

// ownDevices are the names among a node's storage that only one device of the world can have, each once.
func (n Node) ownDevices(at string) []pathText {
	var out []pathText
	for i, device := range n.Storage {
		if strings.HasPrefix(device, byID) && !slices.Contains(n.Storage[:i], device) {
			out = append(out, pathText{fmt.Sprintf("%s.storage[%d]", at, i), device})
		}
	}
	return out
}
