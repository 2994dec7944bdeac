// SPDX-License-Identifier: Apache-2.0

package httpboot

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// ScriptRequest is what a machine says of itself when it asks for its script. All of it is only claimed.
type ScriptRequest struct {
	Client netip.Addr
	MAC    net.HardwareAddr // always six bytes
	UUID   string           // as sent, at most 64 printable bytes; empty when absent
	Serial string           // the same
	// SerialSent is true when the query has a serial, even an empty one: the machine was asked.
	SerialSent bool
}

// ServeHTTP answers one request. Paths are compared as they are: a redirect to a tidier one makes UEFI firmware give up,
// so net/http's ServeMux is of no use here.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// net/http reads the rest of a body before it closes: give it no time.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		http.Error(w, "no request here has a body", http.StatusRequestEntityTooLarge)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	switch path, isFile := s.config.Files[r.URL.Path]; {
	case isFile:
		s.serveFile(w, r, path)
	case r.URL.Path == ScriptPath:
		s.serveScript(w, r)
	case r.URL.Path == HealthPath:
		writeText(w, []byte("ok\n"))
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) serveScript(w http.ResponseWriter, r *http.Request) {
	request, err := parseScriptRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	script, err := s.config.Script(request)
	switch {
	case errors.Is(err, ErrNotServed):
		http.NotFound(w, r)
	case err != nil:
		s.config.Log.ErrorContext(r.Context(), "no boot script", "mac", request.MAC.String(), "error", err)
		http.Error(w, "no script", http.StatusInternalServerError)
	default:
		writeText(w, script)
	}
}

func parseScriptRequest(r *http.Request) (ScriptRequest, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return ScriptRequest{}, errors.New("query can't be read")
	}
	mac, err := net.ParseMAC(query.Get("mac"))
	if err != nil || len(mac) != 6 {
		return ScriptRequest{}, fmt.Errorf("mac=%.32q: want a hardware address of six bytes", query.Get("mac"))
	}
	return ScriptRequest{
		Client:     clientAddr(r.RemoteAddr),
		MAC:        mac,
		UUID:       printable(query.Get("uuid")),
		Serial:     printable(query.Get("serial")),
		SerialSent: query.Has("serial"),
	}, nil
}

// printable returns nothing for what can't be an identifier.
func printable(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 64 || strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
		return ""
	}
	return text
}

// serveFile sends a file with ranges and without copying it through this process.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, path string) {
	file, size, modified, err := open(path)
	if err != nil {
		// The path is ours: it goes to the log and not to the client.
		s.config.Log.ErrorContext(r.Context(), "boot file not served", "route", r.URL.Path, "error", err)
		http.Error(w, "file is not there", http.StatusInternalServerError)
		return
	}
	defer file.Close() // only read: nothing to lose
	deadline := time.Now().Add(startTimeout + time.Duration(size/slowRate)*time.Second)
	// Not every ResponseWriter has deadlines (a test's recorder has none); the server's own then holds.
	_ = http.NewResponseController(w).SetWriteDeadline(deadline)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", modified, file)
	s.config.Fetched(Fetch{
		Client: clientAddr(r.RemoteAddr),
		Route:  r.URL.Path,
		Whole:  r.Method == http.MethodGet && r.Context().Err() == nil && at(file) == size,
	})
}

func open(path string) (file *os.File, size int64, modified time.Time, err error) {
	file, err = os.Open(path)
	if err != nil {
		return nil, 0, time.Time{}, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", path)
	}
	if err != nil {
		return nil, 0, time.Time{}, errors.Join(err, file.Close())
	}
	return file, info.Size(), info.ModTime(), nil
}

// at is how far the file was read, by sendfile too: ServeContent tells nobody whether it could send everything.
func at(file *os.File) int64 {
	offset, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1
	}
	return offset
}

func writeText(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	_, _ = w.Write(text) // the client went away: nobody is left to tell
}
