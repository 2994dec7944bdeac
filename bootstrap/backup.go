// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// BackupOptions say where a backup of the work directory goes and who can open it.
type BackupOptions struct {
	// File is the new file. Empty: one named after the site and the time, in the current directory.
	File string
	// EncryptTo are age recipients. Empty: the site's.
	EncryptTo []string
	// Plain writes it readable when nobody is named.
	Plain bool
}

// Backup is a backup of a work directory.
type Backup struct {
	Site      string    `json:"site"`
	Path      string    `json:"path"`
	Made      time.Time `json:"made"`
	Encrypted bool      `json:"encrypted"`
	Files     []string  `json:"files"`
}

// PlainBackupError says that a backup would be readable by everybody who gets at the file.
type PlainBackupError struct{}

func (*PlainBackupError) Error() string {
	return "the backup holds the cluster's keys, and nobody is named to encrypt it to"
}

// Hint says how to name somebody.
func (*PlainBackupError) Hint() string {
	return "name an age recipient: --encrypt-to age1..., or secrets.ageRecipients in the site file; --plain writes it unencrypted"
}

// CreateBackup writes the secrets, the journal and the other small files of the work directory into one new file, mode
// 0600. It may run beside an up.
func CreateBackup(o Options, b BackupOptions, now time.Time) (Backup, error) {
	to := recipients(o.Site, b.EncryptTo)
	if len(to) == 0 && !b.Plain {
		return Backup{}, &PlainBackupError{}
	}
	if err := checkRecipients(b.EncryptTo); err != nil {
		return Backup{}, err
	}
	run, err := reading(o)
	if err != nil {
		return Backup{}, err
	}
	if there, err := run.dir.Exists(run.secretsFile()); err != nil {
		return Backup{}, err
	} else if !there {
		return Backup{}, run.noSecrets()
	}
	path := b.File
	if path == "" {
		path = sealedName(fmt.Sprintf("%s-workdir-%s.tar", o.Site.Metadata.Name, stamp(now)), len(to) > 0)
	}
	var manifest workdir.Manifest
	err = workdir.Create(path, func(w io.Writer) error {
		return sealTo(w, to, func(w io.Writer) (err error) {
			manifest, err = run.dir.Pack(w, o.Site.Metadata.Name, now)
			return err
		})
	})
	if err != nil {
		return Backup{}, err
	}
	return backupOf(manifest, path, len(to) > 0), nil
}

// stamp is a time in the name of a file: 20261126T014500Z. Names sort as times do.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

func backupOf(m workdir.Manifest, path string, encrypted bool) Backup {
	return Backup{Site: m.Site, Path: path, Made: m.Made, Encrypted: encrypted, Files: slices.Sorted(maps.Keys(m.Files))}
}

// OtherSiteError says that a backup is of another site.
type OtherSiteError struct{ Path, Want, Got string }

func (e *OtherSiteError) Error() string {
	return fmt.Sprintf("%s is a backup of the site %q, and the site file is that of %q", e.Path, e.Got, e.Want)
}

// RestoreBackup makes the site's work directory of a backup, all of it or nothing. There must be none, or an empty one.
// The identity file opens an encrypted one; empty: the site's.
func RestoreBackup(ctx context.Context, o Options, file, identityFile string) (Backup, error) {
	from, err := openSealed(o.Site, file, identityFile)
	if err != nil {
		return Backup{}, err
	}
	manifest, err := workdir.Unpack(ctx, o.WorkDir, from, func(m workdir.Manifest) error {
		if m.Site != o.Site.Metadata.Name {
			return &OtherSiteError{Path: file, Want: o.Site.Metadata.Name, Got: m.Site}
		}
		return nil
	})
	if err := errors.Join(err, from.Close()); err != nil {
		return Backup{}, fmt.Errorf("restore %s: %w", file, err)
	}
	return backupOf(manifest, o.WorkDir, false), nil
}
