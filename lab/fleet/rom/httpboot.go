// SPDX-License-Identifier: Apache-2.0

package rom

import (
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
)

// httpBoot fetches the boot file as EDK2's HTTP boot does: HEAD for the size, then GET over the same connection. It is as
// strict as the strictest build seen: no redirects, no chunks, and a length that is there and true.
func (s *session) httpBoot(ctx context.Context, boot bootInfo, limit int64) (Image, error) {
	at, err := url.Parse(boot.file)
	if err != nil || at.Hostname() == "" {
		return Image{}, fmt.Errorf("%q: not a URL", boot.file)
	}

	client := s.singleConnection()
	defer client.CloseIdleConnections()

	head, err := s.askHTTP(ctx, client, http.MethodHead, at)
	if err != nil {
		return Image{}, err
	}
	defer head.Body.Close()

	if head.Header.Get("Content-Type") != "application/efi" && path.Ext(at.Path) != ".efi" {
		return Image{}, fmt.Errorf("content type %q, and no name that ends in .efi: not an image", head.Header.Get("Content-Type"))
	}

	if head.ContentLength > limit {
		return Image{}, fmt.Errorf("%d bytes: more than %d", head.ContentLength, limit)
	}

	answer, err := s.askHTTP(ctx, client, http.MethodGet, at)
	if err != nil {
		return Image{}, err
	}
	defer answer.Body.Close()

	if answer.ContentLength != head.ContentLength {
		return Image{}, fmt.Errorf("GET has %d bytes where HEAD said %d", answer.ContentLength, head.ContentLength)
	}

	sum := sha256.New()

	size, err := io.Copy(sum, answer.Body)
	if err != nil {
		return Image{}, fmt.Errorf("after %d of %d bytes: %w", size, head.ContentLength, err)
	}

	return Image{Name: boot.base(), URL: boot.file, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size}, nil
}

// askHTTP sends a request with the headers that were captured: the host comes without its port.
func (s *session) askHTTP(ctx context.Context, client *http.Client, method string, at *url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil {
		return nil, err
	}

	request.Host = at.Hostname()
	request.Header.Set("User-Agent", "UefiHttpBoot/1.0")
	request.Header.Set("Accept", "*/*")

	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}

	err = checkStatus(response)

	switch {
	case err != nil:
	case response.ProtoMinor != 1 || response.ProtoMajor != 1:
		err = fmt.Errorf("%s: EDK2 speaks HTTP/1.1", response.Proto)
	case len(response.TransferEncoding) > 0:
		err = fmt.Errorf("transfer encoding %q: EDK2 gets no size then", response.TransferEncoding)
	case response.ContentLength <= 0:
		err = fmt.Errorf("content length %d: EDK2 needs it", response.ContentLength)
	}

	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", method, err), response.Body.Close())
	}

	return response, nil
}

// singleConnection is a client that connects once: EDK2 does not open a second connection when the server closes the
// first one (tianocore/edk2 issue 9920).
func (s *session) singleConnection() *http.Client {
	from, isOpen := s.address.Addr(), false

	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
				if isOpen {
					return nil, errors.New("the server closed the connection: EDK2 has only one")
				}

				isOpen = true

				return s.Port.Dial(ctx, from, to)
			},
			MaxConnsPerHost:    1,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
