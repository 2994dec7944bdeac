// SPDX-License-Identifier: Apache-2.0

package httpboot

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// File is one served file: Data, or else Name inside Root. It is opened anew by each request, and a link in Root that leads
// out of it is not followed.
type File struct {
	Data []byte
	Root *os.Root
	Name string
	// Type is the content type. Empty: application/octet-stream.
	Type string
}

// FileRequest is a request for a file that is served.
type FileRequest struct {
	Client netip.Addr
	MAC    net.HardwareAddr // six bytes, from the route; nil when the bare name was asked for. It is only claimed.
	Name   string
}

// findFile splits a route, "/52-54-00-77-00-01/kernel-amd64" or "/kernel-amd64", and looks the name up. A name is never a
// path.
func (s *Server) findFile(r *http.Request) (FileRequest, File, bool) {
	request := FileRequest{Client: clientAddr(r.RemoteAddr), Name: strings.TrimPrefix(r.URL.Path, "/")}
	if first, rest, found := strings.Cut(request.Name, "/"); found {
		if request.MAC = machineDir(first); request.MAC == nil {
			return FileRequest{}, File{}, false
		}
		request.Name = rest
	}
	file, served := s.config.Files[request.Name]
	return request, file, served
}

// machineDir reads "52-54-00-77-00-01"; nil for anything else.
func machineDir(text string) net.HardwareAddr {
	if len(text) != 17 {
		return nil
	}
	mac, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(mac) != 6 {
		return nil
	}
	return mac
}

// serveFile sends a file with ranges and without copying it through this process.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, request FileRequest, served File) {
	if err := s.config.Admit(request); err != nil {
		// Firmware that is to go on to its next boot device wants to hear just this.
		http.NotFound(w, r)
		return
	}
	content, size, modified, err := served.open()
	if err != nil {
		// The path is ours: it goes to the log and not to the client.
		s.config.Log.ErrorContext(r.Context(), "boot file not served", "file", request.Name, "error", err)
		http.Error(w, "file is not there", http.StatusInternalServerError)
		return
	}
	defer content.Close() // only read: nothing to lose
	deadline := time.Now().Add(startTimeout + time.Duration(size/slowRate)*time.Second)
	// Not every ResponseWriter has deadlines (a test's recorder has none); the server's own then holds.
	_ = http.NewResponseController(w).SetWriteDeadline(deadline)
	w.Header().Set("Content-Type", served.contentType())
	if conn, ok := r.Context().Value(connKey{}).(*net.TCPConn); ok {
		defer cork(conn)()
	}
	http.ServeContent(w, r, "", modified, content)
	s.config.Fetched(fetchOf(request, r.Method, w.Header().Get("Content-Range"), at(content), size))
}

// connKey finds the connection of a request in its context. A test's recorder has none.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// fetchOf tells how a request ended that read a file up to an offset: -1 when that can't be told. contentRange is the answer's
// header, "bytes 16-31/100", or empty.
func fetchOf(request FileRequest, method, contentRange string, read, size int64) Fetch {
	var from int64
	if _, err := fmt.Sscanf(contentRange, "bytes %d-", &from); err != nil {
		from = 0
	}
	return Fetch{
		FileRequest: request,
		Sent:        max(read-from, 0),
		Whole:       method == http.MethodGet && read == size && contentRange == "",
		Head:        method == http.MethodHead,
	}
}

func (f File) contentType() string {
	if f.Type == "" {
		return "application/octet-stream"
	}
	return f.Type
}

// open hands out an *os.File as it is: anything wrapped around it keeps net/http from sendfile.
func (f File) open() (content io.ReadSeekCloser, size int64, modified time.Time, err error) {
	if f.Root == nil {
		return memory{bytes.NewReader(f.Data)}, int64(len(f.Data)), time.Time{}, nil
	}
	file, err := f.Root.Open(f.Name)
	if err != nil {
		return nil, 0, time.Time{}, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", f.Name)
	}
	if err != nil {
		return nil, 0, time.Time{}, errors.Join(err, file.Close())
	}
	return file, info.Size(), info.ModTime(), nil
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// at is how far the file was read, by sendfile too: ServeContent tells nobody whether it could send everything.
func at(content io.Seeker) int64 {
	offset, err := content.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1
	}
	return offset
}
