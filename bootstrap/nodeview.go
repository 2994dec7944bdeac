// SPDX-License-Identifier: Apache-2.0

package bootstrap

import "github.com/cozystack/cozy-install/talos"

// NodeView is one node of the site as its machine answers now. What the machine tells about itself is its claim.
type NodeView struct {
	Name string `json:"name"` // empty for a stranger
	Role string `json:"role"`
	// Stranger says that the machine is of no node of the site. It is never touched.
	Stranger bool `json:"stranger,omitempty"`
	// State is maintenance, ours, foreign or unreachable.
	State string `json:"state"`
	// Address is where the machine answers, or where it should.
	Address string `json:"address"`
	// Fingerprint is that of the certificate in maintenance mode, new at each boot.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Machine is nil where nobody may look: the node is unreachable or foreign.
	Machine *MachineView `json:"machine,omitempty"`
	// Fault says what about the machine does not fit the site file; empty if nothing.
	Fault string `json:"fault,omitempty"`
	// Reason says why the machine cannot be looked at although it answers.
	Reason string `json:"reason,omitempty"`

	fault error
}

// MachineView is the hardware of a machine, and how it was started.
type MachineView struct {
	Manufacturer string        `json:"manufacturer,omitempty"`
	Product      string        `json:"product,omitempty"`
	Serial       string        `json:"serial,omitempty"`
	UUID         string        `json:"uuid,omitempty"`
	TalosVersion string        `json:"talosVersion,omitempty"`
	Processors   []SocketView  `json:"processors,omitempty"`
	MemoryBytes  uint64        `json:"memoryBytes,omitempty"` // of all modules
	Links        []LinkView    `json:"links"`
	Disks        []DiskView    `json:"disks"`
	Security     *SecurityView `json:"security,omitempty"` // nil: the machine does not tell
	// Withheld names the Talos resources that the machine did not have or did not show.
	Withheld []string `json:"withheld,omitempty"`
}

// SocketView is the processor in one socket.
type SocketView struct {
	Model   string `json:"model,omitempty"`
	Cores   int    `json:"cores,omitempty"`
	Threads int    `json:"threads,omitempty"`
}

// LinkView is one physical network link.
type LinkView struct {
	Name string `json:"name"`
	MAC  string `json:"mac"`
	Up   bool   `json:"up"`             // has a carrier
	Mbit int    `json:"mbit,omitempty"` // megabits a second; 0: unknown
}

// DiskView is one disk.
type DiskView struct {
	Path       string `json:"path"` // changes between boots
	Bytes      uint64 `json:"bytes"`
	Model      string `json:"model,omitempty"`
	Serial     string `json:"serial,omitempty"`
	WWID       string `json:"wwid,omitempty"`
	Transport  string `json:"transport,omitempty"`
	Rotational bool   `json:"rotational,omitempty"`
	ReadOnly   bool   `json:"readOnly,omitempty"`
	// System: Talos's META partition is on it.
	System bool `json:"system,omitempty"`
	// Contents is what the machine recognised on it: nil if it does not say, empty for a blank disk.
	Contents *ContentsView `json:"contents,omitempty"`
}

// ContentsView is what is on a disk.
type ContentsView struct {
	Format     string          `json:"format,omitempty"` // gpt, mbr, or the name of what holds the whole disk
	Label      string          `json:"label,omitempty"`
	Partitions []PartitionView `json:"partitions,omitempty"`
	// Blank: nothing would be lost.
	Blank bool `json:"blank"`
}

// PartitionView is one partition.
type PartitionView struct {
	Index           uint   `json:"index"`
	Label           string `json:"label,omitempty"`
	Bytes           uint64 `json:"bytes"`
	Format          string `json:"format,omitempty"`
	FilesystemLabel string `json:"filesystemLabel,omitempty"`
}

// SecurityView is how a machine was started and what its kernel enforces.
type SecurityView struct {
	SecureBoot              bool   `json:"secureBoot"`
	BootedWithUKI           bool   `json:"bootedWithUKI"`
	UKISigningKey           string `json:"ukiSigningKeyFingerprint,omitempty"`
	PCRSigningKey           string `json:"pcrSigningKeyFingerprint,omitempty"`
	SELinux                 string `json:"selinux"`
	FIPS                    string `json:"fips"`
	ModuleSignatureEnforced bool   `json:"moduleSignatureEnforced"`
}

func machineView(machine talos.Inventory) MachineView {
	out := MachineView{
		Manufacturer: machine.Manufacturer, Product: machine.Product, Serial: machine.Serial, UUID: machine.UUID,
		TalosVersion: machine.TalosVersion, MemoryBytes: machine.Memory, Withheld: machine.Withheld, Links: []LinkView{}, Disks: []DiskView{},
	}
	for _, p := range machine.Processors {
		out.Processors = append(out.Processors, SocketView(p))
	}
	for _, l := range machine.Links {
		out.Links = append(out.Links, LinkView{Name: l.Name, MAC: l.MAC.String(), Up: l.Up, Mbit: l.Speed})
	}
	for _, d := range machine.Disks {
		out.Disks = append(out.Disks, DiskView{
			Path: d.DevPath, Bytes: d.Size, Model: d.Model, Serial: d.Serial, WWID: d.WWID, Transport: d.Transport,
			Rotational: d.Rotational, ReadOnly: d.Readonly,
			System: machine.SystemDisk != "" && machine.SystemDisk == d.DevPath, Contents: contentsView(d.Contents),
		})
	}
	if machine.Security != nil {
		security := SecurityView(*machine.Security)
		out.Security = &security
	}
	return out
}

func contentsView(c *talos.Contents) *ContentsView {
	if c == nil {
		return nil
	}
	out := &ContentsView{Format: c.Format, Label: c.Label, Blank: c.Blank()}
	for _, p := range c.Partitions {
		out.Partitions = append(out.Partitions, PartitionView{
			Index: p.Index, Label: p.Label, Bytes: p.Size, Format: p.Format, FilesystemLabel: p.FilesystemLabel,
		})
	}
	return out
}
