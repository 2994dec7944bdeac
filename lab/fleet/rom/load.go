// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// maxLoader bounds what a firmware takes for a boot loader; a UKI may be as large as an initramfs.
const maxLoader = 16 << 20

// load fetches the boot file as this firmware does. EDK2 asks for the size first, aborts, and asks again; iPXE and the
// BIOS ROM ask once.
func (s *session) load(ctx context.Context, boot bootInfo) (Image, error) {
	limit := int64(maxLoader)
	if boot.isUKI() {
		limit = maxImage
	}

	switch {
	case !s.ipxe && s.Machine.Firmware.byHTTP():
		return s.httpBoot(ctx, boot, limit)
	case boot.isURL():
		return Image{}, errors.New("it is a URL, and this firmware speaks only TFTP")
	case s.native && strings.HasPrefix(boot.base(), "undionly"):
		// danderson/netboot issue 63
		return Image{}, errors.New("undionly hangs when iPXE in a ROM starts it: give it ipxe.pxe")
	case !s.isEDK2():
		return s.loadTFTP(ctx, boot, limit, "blksize", "1432", "tsize", "0")
	}

	probe := tftpTransfer{session: s, boot: boot, probe: true}
	if err := probe.run(ctx, "tsize", "0", "blksize", "1468", "windowsize", "4"); err != nil {
		return Image{}, fmt.Errorf("probe the size: %w", err)
	}

	image, err := s.loadTFTP(ctx, boot, limit, "blksize", "1468", "windowsize", "4")
	if err == nil && probe.hasTotal && image.Size != probe.total {
		return Image{}, fmt.Errorf("has %d bytes after %d were announced", image.Size, probe.total)
	}

	return image, err
}

// loadTFTP fetches a file and keeps only its hash.
func (s *session) loadTFTP(ctx context.Context, boot bootInfo, limit int64, options ...string) (Image, error) {
	sum := sha256.New()

	transfer := tftpTransfer{session: s, boot: boot, to: sum, limit: limit}
	if err := transfer.run(ctx, options...); err != nil {
		return Image{}, err
	}

	return Image{
		Name: boot.base(), URL: boot.url(), SHA256: hex.EncodeToString(sum.Sum(nil)), Size: transfer.size,
	}, nil
}

// autoexec looks for autoexec.ipxe in the directory that iPXE was loaded from, by the same protocol, and returns its
// location and text. No text: it is not there, or can't be had, and iPXE goes on to DHCP.
func (s *session) autoexec(ctx context.Context, from bootInfo) (location, text string, err error) {
	var content bytes.Buffer

	location, err = beside(from.url(), "autoexec.ipxe")
	if err != nil {
		return "", "", err
	}

	found := s.fetchBeside(ctx, from, location, &content)
	if ctx.Err() != nil {
		return "", "", context.Cause(ctx)
	}

	s.report("autoexec", map[string]string{"url": location, "found": strconv.FormatBool(found)})

	if !found || content.Len() == 0 {
		return location, "", nil
	}

	if !strings.HasPrefix(content.String(), "#!ipxe") {
		return "", "", fmt.Errorf("script %s: does not begin with #!ipxe: exec format error", location)
	}

	return location, content.String(), nil
}

func (s *session) fetchBeside(ctx context.Context, from bootInfo, location string, to *bytes.Buffer) bool {
	if from.isURL() {
		_, err := s.fetch(ctx, location, to, maxScript)

		return err == nil
	}

	file := bootInfo{file: path.Join(path.Dir(from.file), "autoexec.ipxe"), server: from.server}
	transfer := tftpTransfer{session: s, boot: file, to: to, limit: maxScript}

	return transfer.run(ctx, "blksize", "1432", "tsize", "0") == nil
}

// beside is the URL of another file in the same directory.
func beside(location, name string) (string, error) {
	base, err := url.Parse(location)
	if err != nil {
		return "", err
	}

	return base.JoinPath("..", name).String(), nil
}
