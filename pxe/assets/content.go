// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// headSize is how much of a file's beginning is looked at.
const headSize = 1 << 10

// examine refuses a file whose content is not of its kind and architecture: a login page saved as a kernel is found here
// and not by a machine that does not boot. The error is a *ContentError.
func (f file) examine(path string, content io.ReaderAt, size int64) error {
	wrong := &ContentError{Path: path, Want: contentOf(f)}
	head := make([]byte, min(max(size, 0), headSize))
	switch _, err := content.ReadAt(head, 0); {
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("check boot asset: %w", err)
	case size == 0:
		wrong.Reason = "is empty"
		return wrong
	case size > f.most():
		return f.oversized(path, size)
	}
	wrong.Begins = beginning(head)
	var good bool
	switch f.kind {
	case kernel:
		good = isKernel(head, f.arch)
	case initramfs:
		good = isInitramfs(head)
	case uki:
		good = isProgram(content, head, f.arch)
	case cmdline:
		text := make([]byte, size)
		if _, err := content.ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("check boot asset: %w", err)
		}
		_, good = parseCmdline(text)
	}
	if !good {
		return wrong
	}
	return nil
}

func (f file) oversized(path string, size int64) error {
	return &ContentError{Path: path, Want: contentOf(f), Reason: fmt.Sprintf("has %d bytes or more, at most %d are taken", size, f.most())}
}

// isKernel looks for the marks of Linux's boot protocols: Documentation/arch/x86/boot.rst ("HdrS" at 0x202), and for arm64
// Documentation/arch/arm64/booting.rst ("ARM\x64" at 56) or the compressed form that Talos has, an EFI program with "zimg" at
// 4 (drivers/firmware/efi/libstub/zboot-header.S).
func isKernel(head []byte, arch string) bool {
	if arch == ARM64 {
		return has(head, 56, "ARM\x64") || has(head, 0, "MZ") && has(head, 4, "zimg")
	}
	return has(head, 0x202, "HdrS")
}

// isInitramfs knows what Talos compresses with, xz before 1.8 and zstd since, and what other systems do.
func isInitramfs(head []byte) bool {
	for _, magic := range []string{"\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", "\x1f\x8b", "070701", "070702"} {
		if has(head, 0, magic) {
			return true
		}
	}
	return false
}

// isProgram looks for the header of an EFI program for the architecture: "MZ", at 0x3c the place of "PE\0\0", and behind
// that the machine (PE format, "COFF File Header").
func isProgram(content io.ReaderAt, head []byte, arch string) bool {
	if !has(head, 0, "MZ") || len(head) < 0x40 {
		return false
	}
	var header [6]byte
	if _, err := content.ReadAt(header[:], int64(binary.LittleEndian.Uint32(head[0x3c:]))); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	machine := uint16(0x8664)
	if arch == ARM64 {
		machine = 0xaa64
	}
	return has(header[:], 0, "PE\x00\x00") && binary.LittleEndian.Uint16(header[4:]) == machine
}

func has(data []byte, at int, magic string) bool {
	return len(data) >= at && bytes.HasPrefix(data[at:], []byte(magic))
}

// contentOf names the content a file must have, for people.
func contentOf(f file) string {
	switch f.kind {
	case kernel:
		return "a Linux kernel for " + f.arch
	case initramfs:
		return "an initramfs (xz, zstd, gzip or cpio)"
	case cmdline:
		return "one line of kernel arguments"
	default:
		return "an EFI program for " + f.arch
	}
}

// beginning is the first bytes of somebody else's file, few enough for an error message.
func beginning(data []byte) string { return string(data[:min(len(data), 32)]) }

// check is nil for a file that is there, of its kind, and has the expected sum if one is. The error is fs.ErrNotExist when it
// is absent, and a *ChecksumError or *ContentError when it is wrong.
func (e expectations) check(dir string, f file) error {
	path := filepath.Join(dir, f.name)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("check boot asset: %w", err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return &ContentError{Path: path, Want: contentOf(f), Reason: "is not a regular file"}
	}
	opened, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check boot asset: %w", err)
	}
	defer opened.Close() // only read: nothing to lose
	if want, known := e[f.name]; known {
		got, err := sumOf(opened)
		if err != nil {
			return fmt.Errorf("check boot asset: %w", err)
		}
		if err := want.compare(path, got); err != nil {
			return err
		}
	}
	return f.examine(path, opened, info.Size())
}
