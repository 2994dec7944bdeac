// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"compress/gzip"
	"fmt"
)

// entry is one file of an initramfs.
type entry struct {
	name  string
	mode  uint32 // type and permissions, as in stat(2)
	minor uint32 // of a device; its major is 5, the consoles
	data  []byte
}

// Types of entries.
const (
	isDir    = 0o040755
	isFile   = 0o100755
	isDevice = 0o020600
)

// writeInitramfs is a compressed archive in the format that the kernel unpacks: cpio "newc"
// (Documentation/driver-api/early-userspace/buffer-format.rst).
func writeInitramfs(entries ...entry) ([]byte, error) {
	var archive bytes.Buffer
	squeezed, err := gzip.NewWriterLevel(&archive, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	for i, one := range append(entries, entry{name: "TRAILER!!!"}) {
		writeEntry(&plain, uint32(i+1), one)
	}
	if _, err := squeezed.Write(plain.Bytes()); err != nil {
		return nil, err
	}
	if err := squeezed.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

func writeEntry(to *bytes.Buffer, inode uint32, one entry) {
	major := uint32(0)
	if one.mode == isDevice {
		major = 5
	}
	to.WriteString("070701")
	for _, field := range []uint32{
		inode, one.mode, 0, 0, 1, 0, // owner 0:0, one link, no time
		uint32(len(one.data)), 0, 0, major, one.minor, uint32(len(one.name)) + 1, 0,
	} {
		fmt.Fprintf(to, "%08X", field)
	}
	to.WriteString(one.name + "\x00")
	pad(to)
	to.Write(one.data)
	pad(to)
}

// pad fills up to a multiple of four, as headers and contents both are.
func pad(to *bytes.Buffer) {
	for to.Len()%4 != 0 {
		to.WriteByte(0)
	}
}
