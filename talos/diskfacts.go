// SPDX-License-Identifier: Apache-2.0

package talos

import "fmt"

// Disk is a disk of a node.
type Disk struct {
	DevPath    string // /dev/sda: changes between boots
	Size       uint64 // bytes
	Model      string
	Serial     string
	WWID       string
	BusPath    string
	Transport  string // nvme, sata, virtio ...; empty for devices that are no disks
	Rotational bool
	Readonly   bool
	CDROM      bool
	Contents   *Contents // nil: the node does not say what is on it
}

// String is one line for a person.
func (d Disk) String() string {
	return fmt.Sprintf("%s (%d bytes, model %q, serial %q, wwid %q, %s)",
		d.DevPath, d.Size, d.Model, d.Serial, d.WWID, d.Transport)
}

// Selector chooses this disk again by the most stable of its names: the WWID, else the serial, else where it is
// plugged in. It is empty when the disk has none of them.
func (d Disk) Selector() DiskSelector {
	switch {
	case d.WWID != "":
		return DiskSelector{WWID: d.WWID}
	case d.Serial != "":
		return DiskSelector{Serial: d.Serial}
	default:
		return DiskSelector{BusPath: d.BusPath}
	}
}

// SelectorAmong is the first of the disk's stable names that chooses it, and nothing else, among all disks of its node.
// Names repeat on cheap hardware, and some hold characters that a glob gives another meaning. A disk without any such
// name is a [*DiskError].
func (d Disk) SelectorAmong(all []Disk) (DiskSelector, error) {
	var last error = &DiskError{DiskSelector{}, nil, all}

	for _, selector := range []DiskSelector{{WWID: d.WWID}, {Serial: d.Serial}, {BusPath: d.BusPath}} {
		if selector == (DiskSelector{}) {
			continue
		}

		picked, err := selector.Pick(all)
		if err == nil && picked.DevPath == d.DevPath {
			return selector, nil
		}

		if err != nil {
			last = err
		}
	}

	return DiskSelector{}, last
}
