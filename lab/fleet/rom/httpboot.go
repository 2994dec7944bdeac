// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"bufio"
	"cmp"
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

	conn, err := s.Port.Dial(ctx, s.address.Addr(), net.JoinHostPort(at.Hostname(), cmp.Or(at.Port(), "80")))
	if err != nil {
		return Image{}, err
	}
	defer conn.Close()

	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	only := onlyConnection{Conn: conn, in: bufio.NewReader(conn)}

	head, err := only.ask(ctx, http.MethodHead, at)
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

	answer, err := only.ask(ctx, http.MethodGet, at)
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

// onlyConnection is the one that EDK2 opens: there is no second one when the server closes it (tianocore/edk2 issue 9920).
// It is not net/http's client, which on a busy machine gives a connection up that could be used again.
type onlyConnection struct {
	net.Conn

	in *bufio.Reader
}

// ask sends a request with the headers that were captured: the host comes without its port.
func (c onlyConnection) ask(ctx context.Context, method string, at *url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil {
		return nil, err
	}

	request.Host = at.Hostname()
	request.Header.Set("User-Agent", "UefiHttpBoot/1.0")
	request.Header.Set("Accept", "*/*")

	if err := request.Write(c); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}

	response, err := http.ReadResponse(c.in, request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, errors.Join(err, context.Cause(ctx)))
	}

	if err := checkAnswer(response); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", method, err), response.Body.Close())
	}

	return response, nil
}

func checkAnswer(response *http.Response) error {
	if err := checkStatus(response); err != nil {
		return err
	}

	switch {
	case response.ProtoMinor != 1 || response.ProtoMajor != 1:
		return fmt.Errorf("%s: EDK2 speaks HTTP/1.1", response.Proto)
	case len(response.TransferEncoding) > 0:
		return fmt.Errorf("transfer encoding %q: EDK2 gets no size then", response.TransferEncoding)
	case response.ContentLength <= 0:
		return fmt.Errorf("content length %d: EDK2 needs it", response.ContentLength)
	case response.Close:
		return errors.New("the server closes the connection: EDK2 has only one")
	}

	return nil
}
