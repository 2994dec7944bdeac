// SPDX-License-Identifier: Apache-2.0

package ipxe

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/url"
	"strings"
	"text/template"
)

//go:embed talos.ipxe.tmpl
var talosTemplate string

//go:embed disk.ipxe.tmpl
var diskTemplate string

//go:embed sanboot.ipxe.tmpl
var sanbootTemplate string

//go:embed serial.ipxe.tmpl
var serialTemplate string

// maxArgs is x86's COMMAND_LINE_SIZE: the kernel cuts the rest off without a word.
const maxArgs = 2048

// Boot is what a script starts. URLs are ours.
type Boot struct {
	Title     string   // told on the machine's console; printable ASCII
	Kernel    *url.URL // of the kernel
	Initramfs *url.URL // its last element becomes the image's name in iPXE
	Args      []string // kernel arguments, one word each
	Again     *url.URL // this script's own address, fetched anew when something fails
}

// Talos is the script that loads a kernel and an initramfs and starts them. It comes back to Boot.Again forever when a
// download fails. The error names what can't stand in a script.
//
// The argument initrd=<image> is for iPXE builds of 2019 (Debian bookworm) under UEFI: the kernel finds its initramfs
// by that name. Later builds offer it by LoadFile2 and BIOS kernels ignore the argument.
func Talos(b Boot) ([]byte, error) {
	args := strings.Join(b.Args, " ")
	if len(args) > maxArgs {
		return nil, fmt.Errorf("kernel arguments: %d bytes: at most %d", len(args), maxArgs)
	}
	for _, arg := range b.Args {
		if !isWord(arg) {
			return nil, fmt.Errorf("kernel argument %q: must be one printable word without iPXE's ${, || and &&", arg)
		}
	}
	return render(talosTemplate, map[string]string{
		"Title":     title(b.Title),
		"Kernel":    b.Kernel.String(),
		"Initramfs": b.Initramfs.String(),
		"Image":     b.Initramfs.Path[strings.LastIndexByte(b.Initramfs.Path, '/')+1:],
		"Args":      args,
		"Again":     b.Again.String(),
	})
}

// Disk is the script that gives the machine back to its firmware, which goes on to the next boot device.
func Disk(name string) ([]byte, error) {
	return render(diskTemplate, map[string]string{"Title": title(name)})
}

// SANBoot is the script with which iPXE boots the first disk itself: for BIOS firmware that hangs when iPXE gives the
// machine back (seen on iDRAC8: siderolabs/sidero#1205). Where there is nothing to boot it does as Disk does.
func SANBoot(name string) ([]byte, error) {
	return render(sanbootTemplate, map[string]string{"Title": title(name)})
}

// AskSerial is the script that comes back to again with the machine's serial number as the query's "serial". Firmware
// does not tell it over DHCP; iPXE reads it from the SMBIOS tables.
func AskSerial(again *url.URL) ([]byte, error) {
	return render(serialTemplate, map[string]string{"Again": again.String()})
}

func render(text string, values map[string]string) ([]byte, error) {
	parsed, err := template.New("ipxe").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse iPXE script: %w", err)
	}
	var script bytes.Buffer
	if err := parsed.Execute(&script, values); err != nil {
		return nil, fmt.Errorf("write iPXE script: %w", err)
	}
	return script.Bytes(), nil
}

// isWord says whether iPXE passes an argument on as it is: it splits lines at blanks, expands ${...} and ends a command
// at || and &&. It has no quoting.
func isWord(arg string) bool {
	if arg == "" || arg == "||" || arg == "&&" || strings.Contains(arg, "${") {
		return false
	}
	return strings.IndexFunc(arg, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// title keeps letters, digits and a little punctuation, so that a name can't become a command.
func title(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._: ", r):
			return r
		default:
			return '?'
		}
	}, text)
}
