// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// Storage is what is on a machine's disks: it survives reboots and the loss of power. The zero value is blank.
type Storage struct {
	mu     sync.Mutex
	config []byte // the STATE partition
	disk   string // path of the disk that Talos was installed on
	image  string // the installer's image of what boots from it
	etcd   *member
	upload []byte   // the snapshot that EtcdRecover brought: /var/lib/etcd.snapshot, on EPHEMERAL
	blank  []string // user disks that a reset wiped
	// written is, by path, what is on the disks that were written to; the others are as they were delivered.
	written map[string]Contents
	wiped   bool // all disks were, also of what they were delivered with
}

// Installed tells whether there is a system to boot from disk: also one without a config, after a reset.
func (s *Storage) Installed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.disk != ""
}

// Install puts a config on a disk, as the installer does at its end.
func (s *Storage) Install(machineConfig []byte, disk string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.config == nil { // a later config changes nothing about what was installed
		s.image = installImage(machineConfig)
	}

	s.config, s.disk = append([]byte{}, machineConfig...), disk
	s.write(disk, installed())
}

// Write puts something else on a disk, as another system did that ran there. Talos's own installation is gone if it was
// on that disk.
func (s *Storage) Write(disk string, contents Contents) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.disk == disk {
		s.config, s.disk, s.image, s.etcd = nil, "", "", nil
	}

	s.write(disk, contents)
}

// write needs the lock.
func (s *Storage) write(disk string, contents Contents) {
	if s.written == nil {
		s.written = map[string]Contents{}
	}

	s.written[disk] = contents
}

// Contents is what is on a disk now.
func (s *Storage) Contents(disk Disk) Contents {
	s.mu.Lock()
	defer s.mu.Unlock()

	if written, ok := s.written[disk.Path]; ok {
		return written
	}

	if s.wiped {
		return Contents{}
	}

	return disk.Holds
}

// installImage is the image of the installer that a config names.
func installImage(machineConfig []byte) string {
	provider, err := configloader.NewFromBytes(machineConfig)
	if err != nil || provider.Machine() == nil {
		return ""
	}

	return provider.Machine().Install().Image()
}

// upgrade puts another system on the disk.
func (s *Storage) upgrade(image string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.image = image
}

// systemImage is the installer's image of what is on the disk; empty when nothing is.
func (s *Storage) systemImage() string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.image
}

// Config is the installed machine config, or nil. It holds the cluster's keys.
func (s *Storage) Config() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()

	return append([]byte(nil), s.config...)
}

// Wipe makes all disks blank. The etcd cluster still lists the member that was here.
func (s *Storage) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.config, s.disk, s.image, s.etcd, s.upload = nil, "", "", nil, nil
	s.written, s.wiped = nil, true
}

// wipe makes partitions of the system disk blank, by their labels.
func (s *Storage) wipe(labels []string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	for _, label := range labels {
		switch label {
		case constants.StatePartitionLabel:
			s.config = nil
		case constants.EphemeralPartitionLabel:
			s.etcd, s.upload = nil, nil
		}
	}

	contents := s.written[s.disk]
	contents.Partitions = slices.Clone(contents.Partitions)

	for i, p := range contents.Partitions {
		if slices.Contains(labels, p.Label) {
			contents.Partitions[i] = Partition{Label: p.Label, Size: p.Size}
		}
	}

	s.write(s.disk, contents)
}

// WipedUserDisks are the paths of the disks beside the system's that resets made blank.
func (s *Storage) WipedUserDisks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return slices.Clone(s.blank)
}

func (s *Storage) wipeUserDisks(paths []string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.blank = append(s.blank, paths...)
	for _, path := range paths {
		s.write(path, Contents{})
	}
}

// load is nil when nothing is installed. The version is the one that boots and has to read its config.
func (s *Storage) load(version string) (config.Provider, error) {
	data := s.Config()
	if data == nil {
		return nil, nil
	}

	provider, err := decode(version, data)
	if err != nil {
		return nil, fmt.Errorf("read the installed machine config: %w", err)
	}

	return provider, nil
}

// version is the tag of the installer's image: it, and not what was netbooted, decides what runs after an installation.
func (s *Storage) version() string { return imageTag(s.systemImage()) }

func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		return image[i+1:]
	}

	return ""
}

// member is the node's etcd data: nil while /var/lib/etcd is empty.
func (s *Storage) member() *member {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.etcd
}

func (s *Storage) setMember(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.etcd = m
}

func (s *Storage) uploaded() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.upload
}

func (s *Storage) setUploaded(snapshot []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.upload = snapshot
}
