// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func nodeTable(nodes []bootstrap.NodeView) string {
	rows := make([][]string, 0, len(nodes))
	for _, n := range nodes {
		reason := n.Reason
		if n.Fault != "" {
			reason = n.Fault
		}
		name, role := n.Name, n.Role
		if n.Stranger {
			name, role = "-", "not of the site"
		}
		rows = append(rows, []string{name, role, n.State, n.Address, hardwareOf(n), n.Fingerprint, secureBoot(n), reason})
	}
	return ui.Table([]string{"NODE", "ROLE", "STATE", "ADDRESS", "MACHINE", "FINGERPRINT", "SECURE BOOT", "REASON"}, rows) + "\n"
}

// secureBoot is on, off, or empty where the machine does not tell.
func secureBoot(n bootstrap.NodeView) string {
	if n.Machine == nil || n.Machine.Security == nil {
		return ""
	}
	return onOff(n.Machine.Security.SecureBoot)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// hardwareOf is a machine in a few words: "ACME Rack, SN1, 32 threads, 275 GB". Empty where nobody may look.
func hardwareOf(n bootstrap.NodeView) string {
	m := n.Machine
	if m == nil {
		return ""
	}
	threads := 0
	for _, p := range m.Processors {
		threads += p.Threads
	}
	parts := []string{strings.TrimSpace(m.Manufacturer + " " + m.Product), m.Serial}
	if threads > 0 {
		parts = append(parts, fmt.Sprintf("%d threads", threads))
	}
	if m.MemoryBytes > 0 {
		parts = append(parts, humanize.IBytes(m.MemoryBytes))
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

func nodeDescription(n bootstrap.NodeView) string {
	name, role := n.Name, n.Role
	if n.Stranger {
		name, role = "-", "not of the site: it is never touched"
	}
	rows := [][]string{{"role", role}, {"state", n.State}, {"address", n.Address}}
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, []string{key, value})
		}
	}
	add("fingerprint", n.Fingerprint)
	add("reason", n.Reason)
	add("fault", n.Fault)
	m := n.Machine
	if m == nil {
		return ui.Table([]string{"NODE", name}, rows) + "\n"
	}
	add("vendor", m.Manufacturer)
	add("product", m.Product)
	add("serial", m.Serial)
	add("uuid", m.UUID)
	for _, p := range m.Processors {
		add("processor", fmt.Sprintf("%s, %d cores, %d threads", p.Model, p.Cores, p.Threads))
	}
	if m.MemoryBytes > 0 {
		add("memory", humanize.IBytes(m.MemoryBytes))
	}
	add("talos", m.TalosVersion)
	if s := m.Security; s != nil {
		add("secure boot", onOff(s.SecureBoot))
		add("booted with UKI", yesNo(s.BootedWithUKI))
		add("UKI signing key", s.UKISigningKey)
		add("PCR signing key", s.PCRSigningKey)
		add("SELinux", s.SELinux)
		add("FIPS", s.FIPS)
		add("signed modules only", yesNo(s.ModuleSignatureEnforced))
	}
	add("withheld", strings.Join(m.Withheld, ", "))
	return ui.Table([]string{"NODE", name}, rows) + "\n\n" + linkTable(m.Links) + "\n\n" + diskTable(m.Disks) + "\n" + contentsTable(m.Disks)
}

func linkTable(links []bootstrap.LinkView) string {
	rows := make([][]string, 0, len(links))
	for _, l := range links {
		speed := ""
		if l.Mbit > 0 {
			speed = fmt.Sprintf("%d Mbit/s", l.Mbit)
		}
		rows = append(rows, []string{l.Name, l.MAC, yesNo(l.Up), speed})
	}
	return ui.Table([]string{"LINK", "MAC", "UP", "SPEED"}, rows)
}

func diskTable(disks []bootstrap.DiskView) string {
	rows := make([][]string, 0, len(disks))
	for _, d := range disks {
		rows = append(rows, []string{d.Path, humanize.Bytes(d.Bytes), d.Transport, d.Model, d.Serial, d.WWID, holds(d)})
	}
	return ui.Table([]string{"DISK", "SIZE", "TRANSPORT", "MODEL", "SERIAL", "WWID", "HOLDS"}, rows)
}

// holds says in a word what is on a disk.
func holds(d bootstrap.DiskView) string {
	switch {
	case d.Contents == nil:
		return "not told"
	case d.System:
		return "Talos"
	case d.Contents.Blank:
		return "nothing"
	}
	return strings.TrimSpace(d.Contents.Format + " " + d.Contents.Label)
}

// contentsTable lists the partitions of all disks. Empty if there are none.
func contentsTable(disks []bootstrap.DiskView) string {
	var rows [][]string
	for _, d := range disks {
		if d.Contents == nil {
			continue
		}
		for _, p := range d.Contents.Partitions {
			rows = append(rows, []string{
				d.Path, strconv.FormatUint(uint64(p.Index), 10), p.Label, humanize.Bytes(p.Bytes), p.Format, p.FilesystemLabel,
			})
		}
	}
	if rows == nil {
		return ""
	}
	return "\n" + ui.Table([]string{"ON DISK", "PARTITION", "LABEL", "SIZE", "FORMAT", "FILESYSTEM LABEL"}, rows) + "\n"
}
