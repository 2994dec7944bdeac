// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"errors"
	"fmt"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/block"
	"github.com/siderolabs/talos/pkg/machinery/cel/celenv"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// DiskSelector chooses the install disk by what does not change between boots. All fields that are set must match;
// one at least must be set. Device paths are no choice: they renumber between the netbooted system and the installer
// (siderolabs/talos#4766, #11288).
type DiskSelector struct {
	Serial  string // a glob, as are WWID, Model and BusPath
	WWID    string
	Model   string
	BusPath string
	// Size is a comparison such as ">= 100GB"; without an operator it is equality.
	Size string
	// Transport such as nvme, sata or virtio. A machine config can only express nvme: select the disk from the node's
	// inventory with Pick and put its Selector in place of this one.
	Transport string
}

// DiskError says that a selector does not choose exactly one disk of a node.
type DiskError struct {
	Selector DiskSelector
	Matching []Disk // none, or more than one
	Present  []Disk
}

// Error implements error.
func (e *DiskError) Error() string {
	if len(e.Matching) == 0 {
		return fmt.Sprintf("disk selector {%s}: no disk matches; present are %s", e.Selector, diskList(e.Present))
	}

	return fmt.Sprintf("disk selector {%s}: must match one disk, matches %s", e.Selector, diskList(e.Matching))
}

// Hint says what to do.
func (e *DiskError) Hint() string {
	return "select the disk by its serial or wwid, as listed"
}

// Pick returns the one disk that a node with this config would install to, by Talos's own rules: read-only disks and
// CD-ROMs never match. Zero or several matches are a [*DiskError].
func (s DiskSelector) Pick(disks []Disk) (Disk, error) {
	matches, err := s.withoutTransport().matcher()
	if err != nil {
		return Disk{}, err
	}

	var found []Disk

	for _, disk := range disks {
		if s.Transport != "" && s.Transport != disk.Transport {
			continue
		}

		ok, err := matches(disk)
		if err != nil {
			return Disk{}, err
		}

		if ok {
			found = append(found, disk)
		}
	}

	if len(found) != 1 {
		return Disk{}, &DiskError{s, found, disks}
	}

	return found[0], nil
}

// String lists the fields that are set.
func (s DiskSelector) String() string {
	var parts []string

	for _, field := range []struct{ name, value string }{
		{"serial", s.Serial},
		{"wwid", s.WWID},
		{"model", s.Model},
		{"busPath", s.BusPath},
		{"size", s.Size},
		{"transport", s.Transport},
	} {
		if field.value != "" {
			parts = append(parts, field.name+": "+field.value)
		}
	}

	return strings.Join(parts, ", ")
}

func (s DiskSelector) withoutTransport() DiskSelector {
	s.Transport = ""

	return s
}

// matcher evaluates the expression that Talos makes of the selector. No field at all matches every real disk here.
func (s DiskSelector) matcher() (func(Disk) (bool, error), error) {
	selector, err := s.fields()
	if err != nil {
		return nil, err
	}

	expression, err := (&v1alpha1.InstallConfig{InstallDiskSelector: selector}).DiskMatchExpression()
	if err != nil {
		return nil, fmt.Errorf("disk selector {%s}: %w", s, err)
	}

	return func(disk Disk) (bool, error) {
		return expression.EvalBool(celenv.DiskLocator(), map[string]any{
			"system_disk": false,
			"disk": &block.DiskSpec{
				DevPath: disk.DevPath, Size: disk.Size, Model: disk.Model, Serial: disk.Serial, Wwid: disk.WWID,
				BusPath: disk.BusPath, Transport: disk.Transport, Rotational: disk.Rotational,
				Readonly: disk.Readonly, Cdrom: disk.CDROM,
			},
		})
	}, nil
}

// install is the selector as a machine config has it.
func (s DiskSelector) install() (*v1alpha1.InstallDiskSelector, error) {
	if s == (DiskSelector{}) {
		return nil, errors.New("disk selector: must have a field, the install disk is never guessed")
	}

	selector, err := s.fields()
	if err != nil {
		return nil, err
	}

	switch s.Transport {
	case "":
	case "nvme":
		selector.Type = "nvme"
	default:
		return nil, fmt.Errorf("disk selector {%s}: a machine config can select the transport nvme only", s)
	}

	return selector, nil
}

func (s DiskSelector) fields() (*v1alpha1.InstallDiskSelector, error) {
	selector := &v1alpha1.InstallDiskSelector{Serial: s.Serial, WWID: s.WWID, Model: s.Model, BusPath: s.BusPath}
	if s.Size == "" {
		return selector, nil
	}

	selector.Size = &v1alpha1.InstallDiskSizeMatcher{}

	// The condition has no other constructor than its YAML form.
	err := selector.Size.UnmarshalYAML(func(target any) error {
		text, ok := target.(*string)
		if !ok {
			return fmt.Errorf("size is read into %T", target)
		}

		*text = s.Size

		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("disk selector size %q: must be a comparison such as \">= 100GB\": %w", s.Size, err)
	}

	return selector, nil
}

func diskList(disks []Disk) string {
	if len(disks) == 0 {
		return "none"
	}

	names := make([]string, len(disks))
	for i, disk := range disks {
		names[i] = disk.String()
	}

	return strings.Join(names, "; ")
}
