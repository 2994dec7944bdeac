// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// stubOf is the smallest program that has what the stubs have: one section, and room for more.
func stubOf(room int) []byte {
	const header, code = 0x40, 512
	stub := make([]byte, 2*code)
	copy(stub, "MZ")
	binary.LittleEndian.PutUint32(stub[peOffset:], header)
	h := stub[header:]
	copy(h, "PE\x00\x00")
	binary.LittleEndian.PutUint16(h[4:], pe.IMAGE_FILE_MACHINE_AMD64)
	binary.LittleEndian.PutUint16(h[peSections:], 1)
	binary.LittleEndian.PutUint16(h[peOptionalSize:], 0xf0)
	binary.LittleEndian.PutUint16(h[peOptional:], 0x20b) // PE32+
	binary.LittleEndian.PutUint32(h[peOptional+108:], 16)
	binary.LittleEndian.PutUint32(h[peImageSize:], 0x1200)
	first := header + peOptional + 0xf0 + peSectionSize
	binary.LittleEndian.PutUint32(h[peHeadersSize:], uint32(first+room))
	text := stub[first-peSectionSize:]
	copy(text, ".text")
	for at, value := range map[int]uint32{8: code, 12: 0x1000, 16: code, 20: code} {
		binary.LittleEndian.PutUint32(text[at:], value)
	}
	return stub
}

func TestSectionsAreFoundWhereTheyWerePut(t *testing.T) {
	kernel := bytes.Repeat([]byte("kernel"), 1000)
	image, err := unify(stubOf(2*peSectionSize), section{".cmdline", []byte("a=b")}, section{".linux", kernel})
	require.NoError(t, err)

	parsed, err := pe.NewFile(bytes.NewReader(image))
	require.NoError(t, err)
	end := uint32(0x1200)
	for _, want := range []section{{".cmdline", []byte("a=b")}, {".linux", kernel}} {
		found := parsed.Section(want.name)
		require.NotNil(t, found, want.name)
		data, err := found.Data()
		require.NoError(t, err)
		require.Equal(t, want.data, data[:found.VirtualSize])
		require.Equal(t, want.data, image[found.Offset:found.Offset+found.VirtualSize])
		require.Zero(t, found.VirtualAddress%page)
		require.GreaterOrEqual(t, found.VirtualAddress, end, "it overlaps what is before it")
		end = found.VirtualAddress + found.VirtualSize
	}
	require.GreaterOrEqual(t, parsed.OptionalHeader.(*pe.OptionalHeader64).SizeOfImage, end)
}

func TestAStubWithoutRoomIsRefused(t *testing.T) {
	_, err := unify(stubOf(peSectionSize), section{".cmdline", nil}, section{".linux", nil})
	require.ErrorContains(t, err, "room to byte")
	_, err = unify([]byte("MZ"), section{".linux", nil})
	require.ErrorContains(t, err, "no PE file")
	_, err = unify(make([]byte, 4096))
	require.ErrorContains(t, err, "no PE file")
}
