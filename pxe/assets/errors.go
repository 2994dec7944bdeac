// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
)

// Lack is what one architecture lacks for each way to boot.
type Lack struct {
	Arch       string
	IPXE       []string // names of the missing ones of kernel and initramfs
	UEFI       string   // name of the missing UKI
	SecureBoot bool     // only the UKI would do
}

// MissingError says that a directory has too few files to boot machines of some architecture.
type MissingError struct {
	Dir   string // empty: they are looked for elsewhere
	Lacks []Lack
}

func (e *MissingError) Error() string {
	var list []string
	for _, lack := range e.Lacks {
		if lack.SecureBoot {
			list = append(list, fmt.Sprintf("%s machines under Secure Boot need %s", lack.Arch, lack.UEFI))
			continue
		}
		list = append(list, fmt.Sprintf("%s machines need %s to boot by iPXE, or %s to boot by UEFI without it",
			lack.Arch, strings.Join(lack.IPXE, " and "), lack.UEFI))
	}
	if e.Dir == "" {
		return "boot assets: " + strings.Join(list, "; ")
	}
	return fmt.Sprintf("boot assets: directory %s lacks files: %s", e.Dir, strings.Join(list, "; "))
}

// Hint says where the files come from.
func (e *MissingError) Hint() string {
	return "download them from <factory>/image/<schematic id>/<Talos version>/<file name> into the directory"
}

// ChecksumError says that a file is not the one that was recorded or pinned.
type ChecksumError struct {
	Path      string
	Got, Want string // SHA-256, lower-case hex
	Pinned    bool   // Want is the caller's, not a record
}

func (e *ChecksumError) Error() string {
	if e.Pinned {
		return fmt.Sprintf("%s: SHA-256 is %s, assets.sha256 pins %s", e.Path, e.Got, e.Want)
	}
	return fmt.Sprintf("%s: SHA-256 is %s, recorded was %s", e.Path, e.Got, e.Want)
}

// Hint says how to start anew.
func (e *ChecksumError) Hint() string {
	if e.Pinned {
		return fmt.Sprintf("if the pin is right, remove %s if it is there and fetch it again; pins are of one schematic and Talos version, "+
			"so a change of bundle, extensions or version changes them", e.Path)
	}
	return fmt.Sprintf("if the change is expected, remove %s and what lies beside it; otherwise find out who changed the file",
		filepath.Join(filepath.Dir(e.Path), sumsFile))
}

// PinError says that a pin can not be used.
type PinError struct {
	Name   string // of the file
	Reason string
	Known  []string // names that could be meant; nil when the name is right
}

func (e *PinError) Error() string { return fmt.Sprintf("assets.sha256: %q: %s", e.Name, e.Reason) }

// Hint lists the names, or says how to make a sum.
func (e *PinError) Hint() string {
	if len(e.Known) == 0 {
		return "make it with: sha256sum " + e.Name
	}
	return "names are " + strings.Join(e.Known, ", ")
}

// ContentError says that a file is not what its name says.
type ContentError struct {
	Path   string
	Want   string // what it should be
	Reason string // empty: its beginning is wrong
	Begins string // its first bytes
}

func (e *ContentError) Error() string {
	reason := e.Reason
	if reason == "" {
		reason = fmt.Sprintf("begins with %q", e.Begins)
	}
	return fmt.Sprintf("%s: not %s: %s", e.Path, e.Want, reason)
}

// Hint guesses where such a file comes from.
func (e *ContentError) Hint() string {
	if strings.HasPrefix(strings.TrimSpace(e.Begins), "<") {
		return "this is a web page: a proxy, a login or an error page answered in the factory's place; try the URL with: curl -fLO <URL>"
	}
	return "fetch the file again, and mind the architecture in its name"
}

// AnswerError says that the factory answered with something else than what was asked for.
type AnswerError struct {
	URL    string // without password
	Status string // of the HTTP answer
	Code   int
	Text   string // the beginning of the answer
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s: answered %s: %q", e.URL, e.Status, e.Text)
}

// Hint guesses the reason from the code.
func (e *AnswerError) Hint() string {
	switch e.Code {
	case http.StatusOK:
		return "this is a web page: a proxy or a login answered in the factory's place; try the URL with: curl -fLO " + e.URL
	case http.StatusNotFound:
		return "the factory has no such file: check talos.version and talos.factory, and that this Talos version has the extensions"
	case http.StatusBadRequest:
		return "the factory does not take this schematic: check the extensions and kernel arguments"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "the factory or a proxy wants a login: put it into talos.factory as https://<user>:<password>@<host>, or fill --assets-dir by hand"
	}
	return "try again later, or another factory in talos.factory, or fill a directory by hand and give it with --assets-dir"
}

// SchematicError says that the factory's id for a schematic is not the one computed here: the image it would build is
// not what the machine configs assume.
type SchematicError struct{ URL, Got, Want string }

func (e *SchematicError) Error() string {
	return fmt.Sprintf("image factory %s: schematic id is %.80q, computed here %q", e.URL, e.Got, e.Want)
}

// Hint says whom to suspect.
func (e *SchematicError) Hint() string {
	return "use a factory that knows this Talos version's schematic fields, or fill a directory by hand and give it with --assets-dir"
}

// CacheError says that the cache directory could not be written.
type CacheError struct {
	Dir string
	Err error
}

func (e *CacheError) Error() string { return fmt.Sprintf("asset cache %s: %v", e.Dir, e.Err) }

func (e *CacheError) Unwrap() error { return e.Err }

// Hint says what a person can do about the usual reasons.
func (e *CacheError) Hint() string {
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		return "the disk or the quota is full: some 250 MB are needed for each architecture; what was fetched so far is kept"
	case errors.Is(e.Err, syscall.EROFS):
		return "the file system is mounted read-only: use another work directory, or give a filled directory with --assets-dir"
	case errors.Is(e.Err, fs.ErrPermission):
		return "the directory is not for this user: run as its owner, or use another work directory"
	}
	return "use another work directory, or give a filled directory with --assets-dir"
}

// BusyError says that another program fetches into the same directory.
type BusyError struct{ Dir string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("asset cache %s: another program is fetching into it", e.Dir)
}

// Hint says how to go on.
func (e *BusyError) Hint() string {
	return "wait until it ends; the lock goes with its process, so nothing has to be removed by hand"
}
