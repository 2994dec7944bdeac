// SPDX-License-Identifier: Apache-2.0

package httpboot

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// ScriptRequest is what a machine says of itself when it asks for its script. All of it is only claimed.
type ScriptRequest struct {
	Client netip.Addr
	Server netip.Addr       // our own address that was asked
	MAC    net.HardwareAddr // always six bytes
	UUID   string           // as sent, at most 64 printable bytes; empty when absent
	Serial string           // the same
	Arch   string           // the same
	// SerialSent is true when the query has a serial, even an empty one: the machine was asked.
	SerialSent bool
	Head       bool // only the head of the answer is wanted
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
	switch r.URL.Path {
	case ScriptPath:
		s.serveScript(w, r)
	case HealthPath:
		writeText(w, []byte("ok\n"))
	case MetricsPath:
		s.config.Metrics.ServeHTTP(w, r)
	default:
		request, file, served := s.findFile(r)
		if !served {
			http.NotFound(w, r)
			return
		}
		s.serveFile(w, r, request, file)
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
		Server:     serverAddr(r),
		MAC:        mac,
		UUID:       printable(query.Get("uuid")),
		Serial:     printable(query.Get("serial")),
		Arch:       printable(query.Get("arch")),
		SerialSent: query.Has("serial"),
		Head:       r.Method == http.MethodHead,
	}, nil
}

// serverAddr is the zero value outside of a net/http server.
func serverAddr(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	return clientAddr(local.String())
}

// printable returns nothing for what can't be an identifier.
func printable(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 64 || strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
		return ""
	}
	return text
}

func writeText(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	_, _ = w.Write(text) // the client went away: nobody is left to tell
}
