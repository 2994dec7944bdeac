// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// signatureNamespace says what a signature is for, so that one made for something else is none of an archive. With OpenSSH:
//
//	ssh-keygen -Y verify -f allowed_signers -I NAME -n cozy-install-archive -s SHA256SUMS.sig < SHA256SUMS
const signatureNamespace = "cozy-install-archive"

// Key signs archives. It is a secret.
type Key struct{ signer ssh.Signer }

// Public is the key's public half, as OpenSSH writes it: ssh-ed25519 AAAA...
func (k *Key) Public() string {
	return string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(k.signer.PublicKey())))
}

// String is the public half, so that no log has the other.
func (k *Key) String() string { return k.Public() }

// GoString is the same.
func (k *Key) GoString() string { return k.Public() }

// ReadKey reads an ed25519 key in a file as `ssh-keygen -t ed25519` makes it. One with a passphrase is refused: nobody could be
// asked for it in a timer's run.
func ReadKey(file string) (*Key, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NoKeyError{File: file}
	}
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err) // names the format, never the content
	}
	if got := signer.PublicKey().Type(); got != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("key %s is of type %s, want %s", file, got, ssh.KeyAlgoED25519)
	}
	return &Key{signer}, nil
}

// MakeKey makes a key in a new file, for its owner only, and its public half in one that ends in .pub.
func MakeKey(file string) (*Key, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "cozy-install archives")
	if err != nil {
		return nil, fmt.Errorf("write the key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	key := &Key{signer}
	if err := writeNew(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, fmt.Errorf("write the key: %w", err)
	}
	if err := writeNew(file+".pub", []byte(key.Public()+" cozy-install archives\n"), 0o644); err != nil {
		return nil, fmt.Errorf("write the public key: %w", err)
	}
	return key, nil
}

// writeNew never writes over a file: it may be the only copy of a key.
func writeNew(file string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

func (k *Key) sign(sums []byte) ([]byte, error) {
	signature, err := sshsig.Sign(bytes.NewReader(sums), k.signer, sshsig.HashSHA512, signatureNamespace)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", sumsFile, err)
	}
	return sshsig.Armor(signature), nil
}

// PublicKey is what an archive's signature is held against.
type PublicKey struct{ key ssh.PublicKey }

// ParsePublicKey reads one line, as in a file that ends in .pub: ssh-ed25519 AAAA...
func ParsePublicKey(line []byte) (*PublicKey, error) {
	key, _, _, rest, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("public key: more than one line")
	}
	if key.Type() != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("public key is of type %s, want %s", key.Type(), ssh.KeyAlgoED25519)
	}
	return &PublicKey{key}, nil
}

// String is the line that ParsePublicKey reads.
func (p *PublicKey) String() string { return string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(p.key))) }

func (p *PublicKey) verify(sums, armored []byte) error {
	signature, err := sshsig.Unarmor(armored)
	if err != nil {
		return &SignatureError{Why: "it is no signature of OpenSSH's", err: err}
	}
	// Verify takes what the signature says of its purpose where it is told none.
	if signature.Namespace != signatureNamespace {
		return &SignatureError{Why: fmt.Sprintf("it was made for %q", signature.Namespace)}
	}
	if err := sshsig.Verify(bytes.NewReader(sums), signature, p.key, signature.HashAlgorithm, signatureNamespace); err != nil {
		return &SignatureError{Why: "it is not of the key " + ssh.FingerprintSHA256(p.key), err: err}
	}
	return nil
}
