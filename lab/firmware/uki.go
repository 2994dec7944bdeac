// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// section is a part of a unified kernel image, found by its name by the stub that starts it
// (https://uapi-group.org/specifications/specs/unified_kernel_image/).
type section struct {
	name string // at most 8 bytes, with the dot
	data []byte
}

// Offsets in a PE file (Microsoft's "PE Format"), from where its header begins but for the first.
const (
	peOffset          = 0x3c
	peSections        = 6
	peSymbols         = 12
	peOptionalSize    = 20
	peOptional        = 24
	peInitializedData = peOptional + 8
	peImageSize       = peOptional + 56
	peHeadersSize     = peOptional + 60
	peSectionSize     = 40
)

// page is how sections are aligned in memory: no firmware wants more.
const page = 4096

// fileAlign is how they are aligned in the file: what Debian's stubs say of themselves.
const fileAlign = 512

// unify makes one EFI program of systemd's stub, a kernel and what it starts with. It does what objcopy --add-section
// does, for stubs of every architecture alike.
func unify(stub []byte, sections ...section) ([]byte, error) {
	if len(stub) < peOffset+4 {
		return nil, errors.New("unified kernel image: the stub is no PE file")
	}
	header := int(binary.LittleEndian.Uint32(stub[peOffset:]))
	if header < 0 || header+peHeadersSize+4 > len(stub) || string(stub[header:header+4]) != "PE\x00\x00" {
		return nil, errors.New("unified kernel image: the stub is no PE file")
	}
	image := withoutSymbols(stub, header)
	pe := image[header:]
	count := int(binary.LittleEndian.Uint16(pe[peSections:]))
	next := peOptional + int(binary.LittleEndian.Uint16(pe[peOptionalSize:])) + count*peSectionSize
	end := header + next + len(sections)*peSectionSize
	if first := int(binary.LittleEndian.Uint32(pe[peHeadersSize:])); end > first {
		return nil, fmt.Errorf("unified kernel image: the stub's headers have room to byte %d, want %d", first, end)
	}
	address := align(binary.LittleEndian.Uint32(pe[peImageSize:]), page)
	initialized := binary.LittleEndian.Uint32(pe[peInitializedData:])
	for _, one := range sections {
		image = append(image, make([]byte, int(align(uint32(len(image)), fileAlign))-len(image))...)
		size := align(uint32(len(one.data)), fileAlign)
		head := image[header+next : header+next+peSectionSize]
		copy(head, one.name)
		binary.LittleEndian.PutUint32(head[8:], uint32(len(one.data)))
		binary.LittleEndian.PutUint32(head[12:], address)
		binary.LittleEndian.PutUint32(head[16:], size)
		binary.LittleEndian.PutUint32(head[20:], uint32(len(image)))
		binary.LittleEndian.PutUint32(head[36:], 0x40000040) // readable, initialised data
		image = append(append(image, one.data...), make([]byte, int(size)-len(one.data))...)
		address = align(address+uint32(len(one.data)), page)
		initialized += size
		next += peSectionSize
	}
	pe = image[header:]
	binary.LittleEndian.PutUint16(pe[peSections:], uint16(count+len(sections)))
	binary.LittleEndian.PutUint32(pe[peInitializedData:], initialized)
	binary.LittleEndian.PutUint32(pe[peImageSize:], address)
	return image, nil
}

// withoutSymbols is a copy of a stub up to the end of its last section. Behind it are its symbols, which nobody needs and
// which signatures would have to skip.
func withoutSymbols(stub []byte, header int) []byte {
	image := append([]byte(nil), stub...)
	pe := image[header:]
	binary.LittleEndian.PutUint64(pe[peSymbols:], 0) // where they are, and how many
	end := 0
	first := peOptional + int(binary.LittleEndian.Uint16(pe[peOptionalSize:]))
	for i := range int(binary.LittleEndian.Uint16(pe[peSections:])) {
		if at := first + i*peSectionSize; at+peSectionSize <= len(pe) {
			size, offset := binary.LittleEndian.Uint32(pe[at+16:]), binary.LittleEndian.Uint32(pe[at+20:])
			end = max(end, int(offset)+int(size))
		}
	}
	return image[:min(end, len(image))]
}

// unifyKernel makes a unified kernel image. The kernel is last: it may need more memory behind it than it has bytes.
func unifyKernel(stub, kernel, initramfs []byte, cmdline string) ([]byte, error) {
	return unify(stub,
		section{".osrel", []byte("ID=firmware-level\nNAME=\"cozy-install's firmware level\"\n")},
		section{".cmdline", []byte(cmdline)},
		section{".initrd", initramfs},
		section{".linux", kernel},
	)
}

func align(n, to uint32) uint32 { return (n + to - 1) / to * to }
