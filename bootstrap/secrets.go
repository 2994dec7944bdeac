// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

func (b *bringup) createSecrets() phase.Phase {
	return phase.Phase{
		ID: "secrets", Title: "create the cluster's secrets",
		Done: func(context.Context) (bool, error) {
			_, err := b.loadSecrets()
			if missing := (*NoSecretsError)(nil); errors.As(err, &missing) {
				return false, nil
			}
			return err == nil, err
		},
		Plan: func(context.Context) ([]string, error) {
			return []string{"write " + b.dir.Path(b.secretsFile())}, nil
		},
		Run: func(ctx context.Context, _ phase.Say) error {
			secrets, err := talos.NewSecrets(b.site.Talos.Version, time.Now())
			if err != nil {
				return err
			}
			data, err := secrets.Marshal()
			if err != nil {
				return err
			}
			if recipients := b.site.Secrets.AgeRecipients; len(recipients) > 0 {
				if data, err = talos.Encrypt(data, recipients); err != nil {
					return err
				}
				// What the next run could not read must not become a cluster's.
				if _, err := b.decrypt(data); err != nil {
					return &BrokenSecretsError{Path: b.dir.Path(b.secretsFile()), Err: err}
				}
			}
			if err := b.dir.WriteOnce(ctx, b.secretsFile(), data); err != nil {
				return err
			}
			b.secrets = secrets
			return nil
		},
	}
}

func (b *bringup) secretsFile() string {
	if len(b.site.Secrets.AgeRecipients) > 0 {
		return workdir.EncryptedSecretsFile
	}
	return workdir.SecretsFile
}

// TwoSecretsError says that secrets are there in the form the site file does not ask for. Creating new ones beside them
// would cut the installer off from its own cluster.
type TwoSecretsError struct{ Have, Want string }

func (e *TwoSecretsError) Error() string {
	return fmt.Sprintf("the cluster's secrets are in %s, but the site file asks for %s", e.Have, e.Want)
}

// Hint says which of the two to change.
func (e *TwoSecretsError) Hint() string {
	return "secrets are never created twice: change secrets.ageRecipients in the site file back, or convert the file with age"
}

// BrokenSecretsError says that secrets are there and cannot be read. They are neither mended nor made anew.
type BrokenSecretsError struct {
	Path string
	Err  error
}

func (e *BrokenSecretsError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *BrokenSecretsError) Unwrap() error { return e.Err }

// Hint says how to get at them again, and why they must not simply be removed.
func (e *BrokenSecretsError) Hint() string {
	switch {
	case errors.Is(e.Err, fs.ErrNotExist), errors.Is(e.Err, talos.ErrNoIdentity):
		return "secrets.ageIdentityFile must hold the identity (AGE-SECRET-KEY-1...) of one of the recipients that the file was encrypted to"
	}
	return "restore it from a backup: only with these secrets can a cluster that was made with them be managed; if no machine has been configured yet, remove the file and run up again"
}

// loadSecrets reads the secrets, once. *NoSecretsError means that there are none in either form.
func (b *bringup) loadSecrets() (*talos.Secrets, error) {
	if b.secrets != nil {
		return b.secrets, nil
	}
	data, err := b.dir.Read(b.secretsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, b.noSecrets()
	}
	if err != nil {
		return nil, err
	}
	if b.secretsFile() == workdir.EncryptedSecretsFile {
		if data, err = b.decrypt(data); err != nil {
			return nil, &BrokenSecretsError{Path: b.dir.Path(b.secretsFile()), Err: err}
		}
	}
	secrets, err := talos.ParseSecrets(data)
	if err != nil {
		return nil, &BrokenSecretsError{Path: b.dir.Path(b.secretsFile()), Err: err}
	}
	b.secrets = secrets
	return secrets, nil
}

func (b *bringup) noSecrets() error {
	want := b.secretsFile()
	other := workdir.EncryptedSecretsFile
	if want == other {
		other = workdir.SecretsFile
	}
	there, err := b.dir.Exists(other)
	if err != nil {
		return err
	}
	if there {
		return &TwoSecretsError{Have: b.dir.Path(other), Want: want}
	}
	return &NoSecretsError{Path: b.dir.Path(want)}
}

func (b *bringup) decrypt(data []byte) ([]byte, error) {
	identities, err := os.ReadFile(b.site.File(b.site.Secrets.AgeIdentityFile))
	if err != nil {
		return nil, fmt.Errorf("read secrets.ageIdentityFile: %w", err)
	}
	return talos.Decrypt(data, bytes.NewReader(identities))
}
