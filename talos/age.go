// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Encrypt seals data to age recipients (age1...) and returns armoured text. Any one of their identities opens it.
func Encrypt(plain []byte, recipients []string) ([]byte, error) {
	if len(recipients) == 0 {
		return nil, errors.New("encrypt secrets: no age recipient is given")
	}

	keys, err := age.ParseRecipients(strings.NewReader(strings.Join(recipients, "\n")))
	if err != nil {
		return nil, fmt.Errorf("encrypt secrets: recipients: %w", err)
	}

	var sealed bytes.Buffer

	armored := armor.NewWriter(&sealed)

	w, err := age.Encrypt(armored, keys...)
	if err != nil {
		return nil, fmt.Errorf("encrypt secrets: %w", err)
	}

	// Writes go to memory: only Close, which seals the last chunk, can say something.
	_, writeErr := w.Write(plain)
	if err := errors.Join(writeErr, w.Close(), armored.Close()); err != nil {
		return nil, fmt.Errorf("encrypt secrets: %w", err)
	}

	return sealed.Bytes(), nil
}

// EncryptTo seals what is written to it to age recipients and passes it on to w as it goes, without armour. Close seals
// the end; it does not close w.
func EncryptTo(w io.Writer, recipients []string) (io.WriteCloser, error) {
	keys, err := age.ParseRecipients(strings.NewReader(strings.Join(recipients, "\n")))
	if err != nil {
		return nil, fmt.Errorf("encrypt: recipients: %w", err)
	}

	sealed, err := age.Encrypt(w, keys...)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}

	return sealed, nil
}

// Encrypted reports whether data is armoured age text, as [Encrypt] writes it.
func Encrypted(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte(armor.Header))
}

// ErrNoIdentity says that none of the identities opens the data.
var ErrNoIdentity = errors.New("no identity matches any of the recipients")

// Decrypt opens what [Encrypt] sealed, with the age identities (AGE-SECRET-KEY-1...) that are read from identities.
func Decrypt(data []byte, identities io.Reader) ([]byte, error) {
	keys, err := age.ParseIdentities(identities)
	if err != nil {
		// The library's text may quote the malformed line, which may be a key.
		return nil, errors.New("decrypt secrets: the identity file holds no valid age identities")
	}

	opened, err := age.Decrypt(armor.NewReader(bytes.NewReader(data)), keys...)
	if err != nil {
		var mismatch *age.NoIdentityMatchError
		if errors.As(err, &mismatch) {
			return nil, fmt.Errorf("decrypt secrets: %w", ErrNoIdentity)
		}

		return nil, fmt.Errorf("decrypt secrets: %w", err)
	}

	plain, err := io.ReadAll(opened)
	if err != nil {
		return nil, fmt.Errorf("decrypt secrets: %w", err)
	}

	return plain, nil
}

// Seal gives a writer that seals what is written to it for age recipients, in constant memory and without armour. Its
// Close ends the data: without it nothing can be opened. It does not close the writer below.
func Seal(to io.Writer, recipients []string) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return nil, errors.New("encrypt: no age recipient is given")
	}

	keys, err := age.ParseRecipients(strings.NewReader(strings.Join(recipients, "\n")))
	if err != nil {
		return nil, fmt.Errorf("encrypt: recipients: %w", err)
	}

	sealed, err := age.Encrypt(to, keys...)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}

	return sealed, nil
}

// ageIntro is how age's data begins when it has no armour.
const ageIntro = "age-encryption.org/v1\n"

// Sealed reports whether data begins as age's does, with armour or without.
func Sealed(head []byte) bool { return Encrypted(head) || bytes.HasPrefix(head, []byte(ageIntro)) }

// Unseal reads what [Seal] or [Encrypt] wrote, in constant memory. What it gives is authentic up to where it was read; an
// error at the end means that data is missing.
func Unseal(from, identities io.Reader) (io.Reader, error) {
	keys, err := age.ParseIdentities(identities)
	if err != nil {
		// The library's text may quote the malformed line, which may be a key.
		return nil, errors.New("decrypt: the identity file holds no valid age identities")
	}

	buffered := bufio.NewReader(from)

	var sealed io.Reader = buffered
	if head, _ := buffered.Peek(len(armor.Header)); Encrypted(head) {
		sealed = armor.NewReader(buffered)
	}

	plain, err := age.Decrypt(sealed, keys...)
	if mismatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &mismatch) {
		return nil, fmt.Errorf("decrypt: %w", ErrNoIdentity)
	}

	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}

	return plain, nil
}
