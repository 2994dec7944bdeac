// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// recipients are those of age that a file is sealed for: those that were named, else the site's. None: it is not sealed.
func recipients(s *site.Site, named []string) []string {
	if len(named) > 0 {
		return named
	}
	return s.Secrets.AgeRecipients
}

// RecipientError says that a file can't be sealed for those who were named.
type RecipientError struct{ Err error }

func (e *RecipientError) Error() string { return "--encrypt-to: " + e.Err.Error() }

// Unwrap returns what is wrong with them.
func (e *RecipientError) Unwrap() error { return e.Err }

// checkRecipients finds out before any work is done. The site's own have been checked with the site file.
func checkRecipients(named []string) error {
	if len(named) == 0 {
		return nil
	}
	if _, err := talos.Seal(io.Discard, named); err != nil {
		return &RecipientError{Err: err}
	}
	return nil
}

// sealTo hands on a writer whose data arrives sealed, or as it is without recipients.
func sealTo(to io.Writer, recipients []string, fill func(io.Writer) error) error {
	if len(recipients) == 0 {
		return fill(to)
	}
	sealed, err := talos.Seal(to, recipients)
	if err != nil {
		return err
	}
	if err := fill(sealed); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	return nil
}

// NoIdentityError says that a file is sealed and there is no key to open it.
type NoIdentityError struct{ Path string }

func (e *NoIdentityError) Error() string {
	return e.Path + " is encrypted, and no age identity is given"
}

// Hint says how to give one.
func (e *NoIdentityError) Hint() string {
	return "name the file with the identity (AGE-SECRET-KEY-1...): --identity FILE, or secrets.ageIdentityFile in the site file"
}

// openSealed reads a file that may be sealed, with the identities of a file: the named one, else the site's.
func openSealed(s *site.Site, path, identityFile string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	plain, err := unsealed(s, path, identityFile, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, file}, nil
}

func unsealed(s *site.Site, path, identityFile string, file io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(file)
	if head, _ := buffered.Peek(64); !talos.Sealed(head) {
		return buffered, nil
	}
	if identityFile == "" && s.Secrets.AgeIdentityFile == "" {
		return nil, &NoIdentityError{Path: path}
	}
	if identityFile == "" {
		identityFile = s.File(s.Secrets.AgeIdentityFile)
	}
	identities, err := os.ReadFile(identityFile)
	if err != nil {
		return nil, fmt.Errorf("read the age identity: %w", err)
	}
	plain, err := talos.Unseal(buffered, bytes.NewReader(identities))
	if err != nil {
		return nil, fmt.Errorf("open %s with the identities of %s: %w", path, identityFile, err)
	}
	return plain, nil
}

// sealedName gives a file that is sealed the ending by which age's are known.
func sealedName(name string, sealed bool) string {
	if sealed && !strings.HasSuffix(name, ".age") {
		return name + ".age"
	}
	return name
}
