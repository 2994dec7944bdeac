// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"

	"github.com/cozystack/cozy-install/bundles/archive"
)

// NoBastionError says that an archive has no place from where nodes could get what is in it.
type NoBastionError struct{}

func (*NoBastionError) Error() string {
	return "the site file has no registries.bastion: nodes would not ask this host for what the archive has"
}

// Hint tells what to write.
func (*NoBastionError) Hint() string {
	return "add registries: {bastion: {address: ADDRESS:5000, only: true}}, ADDRESS being this host's on the nodes' network"
}

// silent is the error of a registry that does not answer.
func (a *usedArchive) silent(address string) error {
	if a.Store != "" && !isThere(a.Store) {
		return &LostStoreError{Address: address, Store: a.Store, File: a.File}
	}
	return &SilentRegistryError{Address: address, Store: a.Store}
}

// SilentRegistryError says that the bastion's registry does not answer, which has all that a site takes from an archive.
type SilentRegistryError struct {
	Address string
	Store   string // empty: it is not known
}

func (e *SilentRegistryError) Error() string {
	return fmt.Sprintf("the site takes everything from an archive, and the bastion's registry at %s, which has it, does not answer", e.Address)
}

// Hint says how to start it, or to do without.
func (e *SilentRegistryError) Hint() string {
	serve := "start cozy-install bundle serve there again"
	if e.Store != "" {
		serve = "cozy-install bundle serve --store " + archive.ShellWord(e.Store)
	}
	return serve + "; or give the archive again: cozy-install up --archive FILE; or where there is a network now: cozy-install up --online"
}

// LostStoreError says that nobody serves what a site takes from an archive, and that it is not here any more.
type LostStoreError struct{ Address, Store, File string }

func (e *LostStoreError) Error() string {
	return fmt.Sprintf("the site takes everything from an archive, the bastion's registry at %s does not answer, and its store %s is gone", e.Address, e.Store)
}

// Hint says how to fill it again, or to do without.
func (e *LostStoreError) Hint() string {
	return "cozy-install up --archive " + archive.ShellWord(e.File) + "; or where there is a network now: cozy-install up --online"
}

// LostAssetsError says that boot assets of the archive are not in the work directory any more.
type LostAssetsError struct {
	File string
	Err  error
}

func (e *LostAssetsError) Error() string {
	return fmt.Sprintf("the boot assets of archive %s, which the site takes everything from: %v", e.File, e.Err)
}
func (e *LostAssetsError) Unwrap() error { return e.Err }

// Hint says how to unpack them again.
func (e *LostAssetsError) Hint() string {
	return "cozy-install up --archive " + archive.ShellWord(e.File)
}
