// SPDX-License-Identifier: Apache-2.0

package archive

// NoKeyError says that there is no key to sign with.
type NoKeyError struct{ File string }

func (e *NoKeyError) Error() string { return "key " + e.File + ": there is no such file" }

// Hint tells how to make one.
func (e *NoKeyError) Hint() string {
	return "make one with --make-key, or with: ssh-keygen -t ed25519 -N '' -f " + e.File
}

// SignatureError says that an archive was not signed by whom it should be. Nothing of it was used.
type SignatureError struct {
	Why string
	err error
}

func (e *SignatureError) Error() string { return "signature of the archive: " + e.Why }

func (e *SignatureError) Unwrap() error { return e.err }

// Hint tells what to look at.
func (e *SignatureError) Hint() string {
	return "get the archive and the public key again, each from who made it; `bundle save` prints the key"
}

// UnsignedError says that an archive has no signature although one was expected.
type UnsignedError struct{ File string }

func (e *UnsignedError) Error() string { return "archive " + e.File + " is not signed" }

// Hint tells what to do.
func (e *UnsignedError) Hint() string {
	return "save it with --key, or say --unsigned if you trust the way it came"
}

// NoPublicKeyError says that nobody can tell whether a signature is right.
type NoPublicKeyError struct{ File string }

func (e *NoPublicKeyError) Error() string {
	return "archive " + e.File + " is signed, and there is no public key to check that with"
}

// Hint tells where it comes from.
func (e *NoPublicKeyError) Hint() string {
	return "give the key that `bundle save` printed: --public-key FILE"
}
