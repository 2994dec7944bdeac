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
	"strings"
)

// Limits of what the loader takes: a script is text, an initramfs with extensions has some hundred megabytes.
const (
	maxScript  = 64 << 10
	maxImage   = 1 << 30
	maxChained = 8
)

// start is iPXE from its beginning, with the firmware's address still there.
func (s *session) start(ctx context.Context, from bootInfo) (Result, error) {
	if s.Machine.Firmware.isEFI() && s.generation() == IPXE2025 {
		location, text, err := s.autoexec(ctx, from)
		if err != nil {
			return Result{}, fmt.Errorf("iPXE: %w", err)
		}

		if text != "" {
			return s.follow(ctx, bootInfo{file: location, server: from.server}, text)
		}
	}

	s.release()

	boot, err := s.bootFile(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("iPXE: %w", err)
	}

	return s.runScript(ctx, boot)
}

// runScript takes the script that DHCP names, and follows it.
func (s *session) runScript(ctx context.Context, boot bootInfo) (Result, error) {
	if !boot.isURL() {
		return Result{}, fmt.Errorf("iPXE: was given the file %q at %s instead of a script's URL: it would load itself for ever",
			boot.file, boot.server)
	}

	if !s.has(featureHTTP) {
		return Result{}, fmt.Errorf("iPXE: was given %s: this iPXE knows no HTTP, as option 175 says", boot.file)
	}

	text, err := s.fetchScript(ctx, boot.file)
	if errors.Is(err, errNotFound) {
		return s.nextDevice(err)
	}

	if err != nil {
		return Result{}, fmt.Errorf("iPXE: %w", err)
	}

	return s.follow(ctx, boot, text)
}

// follow runs a script and those that it chains to.
func (s *session) follow(ctx context.Context, boot bootInfo, text string) (Result, error) {
	run := &interpreter{session: s, vars: s.settings(boot), location: boot.file}

	for range maxChained {
		result, next, err := run.follow(ctx, text)
		if err != nil {
			return Result{}, fmt.Errorf("iPXE: %w", err)
		}

		if next == "" {
			return result, nil
		}

		text = next
	}

	return Result{}, fmt.Errorf("iPXE: script %s: chained more than %d deep", boot.file, maxChained)
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

	s.reportImage(image)

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

	if err := checkStatus(response); err != nil {
		return Image{}, fmt.Errorf("fetch %s: %w", location, err)
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

func checkStatus(response *http.Response) error {
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", errNotFound, response.Status)
	default:
		return errors.New(response.Status)
	}
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
