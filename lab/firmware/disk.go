// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/cozystack/cozy-install/lab/firmware/marker"
)

// sector is the smallest disk a BIOS starts from.
const sector = 512

// WriteBIOSDisk makes the disk of a machine that was installed, and returns what Machine.Disk is to be: its boot sector
// prints marker.Disk and restarts the machine.
func WriteBIOSDisk(dir string) (string, error) {
	file := filepath.Join(dir, "disk.img")
	image := append(bootSector("\r\n"+marker.Disk+"\r\n"), make([]byte, 1<<20-sector)...)
	return file, os.WriteFile(file, image, 0o644)
}

// WriteUEFIDisk does the same for UEFI firmware. What it starts is a unified kernel image that was told PathDisk.
func (f BootFiles) WriteUEFIDisk(dir, cache, arch string) (string, error) {
	const boot = "EFI/BOOT"
	name := map[string]string{"amd64": "BOOTX64.EFI", "arm64": "BOOTAA64.EFI"}[arch]
	kernel, errKernel := os.ReadFile(filepath.Join(f.Dir, "kernel-"+arch))
	initramfs, errInitramfs := os.ReadFile(filepath.Join(f.Dir, "initramfs-"+arch+".xz"))
	stub, errStub := os.ReadFile(filepath.Join(cache, stubName(arch)))
	if err := errors.Join(errKernel, errInitramfs, errStub, os.MkdirAll(filepath.Join(dir, boot), 0o755)); err != nil {
		return "", err
	}
	image, err := unifyKernel(stub, kernel, initramfs, Cmdline(arch, PathDisk))
	if err != nil {
		return "", err
	}
	// QEMU makes a FAT file system of the directory.
	return "fat:" + dir, os.WriteFile(filepath.Join(dir, boot, name), image, 0o644)
}

// bootSector is 16-bit code, loaded to 0x7c00, that writes a text to the first serial port and resets the machine by
// the keyboard controller.
func bootSector(text string) []byte {
	code := []byte{
		0x31, 0xc0, //       xor ax, ax
		0x8e, 0xd8, //       mov ds, ax
		0xbe, 0x00, 0x00, // mov si, text (filled in below)
		0xfc, //             cld
		// next:
		0xac,       //       lodsb
		0x84, 0xc0, //       test al, al
		0x74, 0x12, //       jz done
		0x88, 0xc4, //       mov ah, al
		0xba, 0xfd, 0x03, // mov dx, 0x3fd (line status)
		// wait:
		0xec,       //       in al, dx
		0xa8, 0x20, //       test al, 0x20 (transmitter is empty)
		0x74, 0xfb, //       jz wait
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0x88, 0xe0, //       mov al, ah
		0xee,       //       out dx, al
		0xeb, 0xe9, //       jmp next
		// done:
		0xb0, 0xfe, //       mov al, 0xfe
		0xe6, 0x64, //       out 0x64, al (pulse the reset line)
		0xf4,       //       hlt
		0xeb, 0xfd, //       jmp $-1
	}
	address := 0x7c00 + len(code)
	code[5], code[6] = byte(address), byte(address>>8)
	boot := make([]byte, sector)
	copy(boot[copy(boot, code):], text)
	boot[510], boot[511] = 0x55, 0xaa
	return boot
}
