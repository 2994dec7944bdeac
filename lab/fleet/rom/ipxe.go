// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Limits of what the loader takes: a script is text, an initramfs with extensions has some hundred megabytes.
const (
	maxScript  = 64 << 10
	maxImage   = 1 << 30
	maxChained = 8
)

// runLoader is iPXE from its start: it configures the network, takes the script that DHCP names, and follows it.
func (s *session) runLoader(ctx context.Context) (Result, error) {
	boot, err := s.bootFile(ctx)
	if err != nil {
		return Result{}, err
	}

	if !boot.isURL() {
		return Result{}, fmt.Errorf("was given the file %q at %s instead of a script's URL: it would load itself for ever",
			boot.file, boot.server)
	}

	text, err := s.fetchScript(ctx, boot.file)
	if err != nil {
		return Result{}, err
	}

	run := &interpreter{session: s, vars: s.settings(boot), location: boot.file}

	for range maxChained {
		result, next, err := run.follow(ctx, text)
		if err != nil || next == "" {
			return result, err
		}

		text = next
	}

	return Result{}, fmt.Errorf("script %s: chained more than %d deep", boot.file, maxChained)
}

func (s *session) fetchScript(ctx context.Context, location string) (string, error) {
	var text bytes.Buffer

	image, err := s.fetch(ctx, location, &text, maxScript)
	if err != nil {
		return "", err
	}

	s.report("script", map[string]string{"url": location, "sha256": image.SHA256})

	if !strings.HasPrefix(text.String(), "#!ipxe") {
		return "", fmt.Errorf("script %s: does not begin with #!ipxe: exec format error", location)
	}

	return text.String(), nil
}

// fetchImage fetches a kernel or an initramfs and keeps only its hash.
func (s *session) fetchImage(ctx context.Context, location string) (Image, error) {
	image, err := s.fetch(ctx, location, io.Discard, maxImage)
	if err != nil {
		return Image{}, err
	}

	s.report("image", map[string]string{
		"name": image.Name, "url": image.URL, "sha256": image.SHA256, "size": strconv.FormatInt(image.Size, 10),
	})

	return image, nil
}

// fetch copies what a URL gives and takes its hash. Debian's iPXE has no TLS, so neither has this one.
func (s *session) fetch(ctx context.Context, location string, to io.Writer, limit int64) (Image, error) {
	at, err := url.Parse(location)
	if err != nil || at.Scheme != "http" {
		return Image{}, fmt.Errorf("fetch %q: this iPXE knows only http:// URLs", location)
	}

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return Image{}, fmt.Errorf("fetch %s: %w", location, err)
	}

	request.Header.Set("User-Agent", "iPXE/1.0.0+ (simulated)")

	response, err := s.browser().Do(request)
	if err != nil {
		return Image{}, fmt.Errorf("fetch %s: %w", location, err)
	}
	defer response.Body.Close()

	if response.StatusCode != http.StatusOK {
		return Image{}, fmt.Errorf("fetch %s: %s", location, response.Status)
	}

	sum := sha256.New()

	size, err := io.Copy(io.MultiWriter(sum, to), io.LimitReader(response.Body, limit+1))
	if err != nil {
		return Image{}, fmt.Errorf("fetch %s: after %d bytes: %w", location, size, err)
	}

	if size > limit {
		return Image{}, fmt.Errorf("fetch %s: more than %d bytes", location, limit)
	}

	return Image{Name: path.Base(at.Path), URL: location, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size}, nil
}

// browser keeps one connection open, as iPXE does, and follows no redirect to a place it could not speak with.
func (s *session) browser() *http.Client {
	if s.http == nil {
		from := s.address.Addr()
		s.http = &http.Client{
			Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
					return s.Port.Dial(ctx, from, to)
				},
				MaxConnsPerHost:    1,
				DisableCompression: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("redirects are not followed")
			},
		}
	}

	return s.http
}

func imageOf(name, location string, content []byte) Image {
	sum := sha256.Sum256(content)

	return Image{Name: name, URL: location, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content))}
}

// settings are iPXE's variables that scripts use, by their full names and their short ones.
func (s *session) settings(boot bootInfo) map[string]string {
	mac, arch, platform := s.Port.MAC().String(), "i386", "pcbios"
	if s.Machine.Firmware == UEFI {
		arch, platform = "x86_64", "efi"
	}

	vars := map[string]string{
		"buildarch": arch, "platform": platform, "serial": s.Machine.Serial, "uuid": s.Machine.uuid(),
		"filename": boot.file, "next-server": boot.server.String(), "version": "1.0.0+ (simulated)",
	}

	for _, prefix := range []string{"", "net0/"} {
		vars[prefix+"mac"] = mac
		vars[prefix+"ip"] = s.address.Addr().String()
		vars[prefix+"netmask"] = net.IP(net.CIDRMask(s.address.Bits(), 32)).String()
	}

	return vars
}

// uuid is the SMBIOS identifier as iPXE prints it: the first three fields are little-endian in option 97 and in memory.
func (m Machine) uuid() string {
	u := m.UUID

	return fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x",
		u[3], u[2], u[1], u[0], u[5], u[4], u[7], u[6], u[8:10], u[10:])
}
