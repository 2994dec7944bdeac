// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// maxOrigin bounds the file with an origin, in bytes.
const maxOrigin = 16 << 10

// origin is where the bytes of a partial file come from. What is asked for later must be of the same origin.
type origin struct {
	URL       string `json:"url"`                 // without password
	Validator string `json:"validator,omitempty"` // a strong ETag or a Last-Modified, for If-Range; empty: the server has none
	Total     int64  `json:"total,omitempty"`     // bytes of the whole file; 0: unknown
}

// originOf is the origin of an answer with a whole file.
func originOf(response *http.Response, from *url.URL) origin {
	return origin{URL: from.Redacted(), Validator: validatorOf(response), Total: max(response.ContentLength, 0)}
}

// validatorOf is what If-Range may name (RFC 9110, section 13.1.5): a strong ETag, or a Last-Modified that is so old that the
// file can not have changed twice within its second, by clocks that differ a little.
func validatorOf(response *http.Response) string {
	if tag := response.Header.Get("ETag"); isTag(tag) {
		return tag
	}
	modified := response.Header.Get("Last-Modified")
	since, err := http.ParseTime(modified)
	if err != nil {
		return ""
	}
	if now, err := http.ParseTime(response.Header.Get("Date")); err != nil || now.Sub(since) < time.Minute {
		return ""
	}
	return modified
}

// isTag says whether a text is a strong ETag. A weak one begins with W/.
func isTag(text string) bool { return strings.HasPrefix(text, `"`) && len(text) < 1<<10 }

// differs says why an answer with a part can not be appended after size bytes; empty if it can. Servers were seen that
// look at Range and not at If-Range.
func (o origin) differs(response *http.Response, size int64) string {
	var first, last, total int64
	at := response.Header.Get("Content-Range")
	if n, err := fmt.Sscanf(at, "bytes %d-%d/%d", &first, &last, &total); err != nil || n != 3 {
		return fmt.Sprintf("Content-Range %.80q", at)
	}
	switch now := validatorOf(response); {
	case first != size || last < first || total != last+1:
		return fmt.Sprintf("Content-Range %q, asked was for the rest after %d bytes", at, size)
	case o.Total != 0 && total != o.Total:
		return fmt.Sprintf("it has %d bytes now, had %d", total, o.Total)
	case o.Validator != "" && now != o.Validator && (now != "" || isTag(o.Validator)): // a 206 must repeat the ETag only
		return fmt.Sprintf("it is %.80s now, was %.80s", now, o.Validator)
	}
	return ""
}

// hasEnd says whether the end of an answer's body can be told from a broken connection: not in HTTP/1 without a length or
// chunks.
func hasEnd(response *http.Response) bool {
	return response.ContentLength >= 0 || response.ProtoMajor > 1 || len(response.TransferEncoding) > 0
}

// readOrigin gives the zero origin for a file that is absent or not understood: what lies beside it is then dropped.
func readOrigin(path string) (origin, error) {
	opened, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return origin{}, nil
	}
	if err != nil {
		return origin{}, err
	}
	defer opened.Close() // only read: nothing to lose
	text, err := io.ReadAll(io.LimitReader(opened, maxOrigin))
	if err != nil {
		return origin{}, err
	}
	var from origin
	if json.Unmarshal(text, &from) != nil || from.Total < 0 {
		return origin{}, nil
	}
	return from, nil
}
