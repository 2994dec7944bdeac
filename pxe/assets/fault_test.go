// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answering answers requests for one file, or for "schematics", in the factory's place.
func (f *factory) answering(name string, answer http.HandlerFunc) {
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if filepath.Base(r.URL.Path) != name {
			return false
		}
		answer(w, r)
		return true
	}
}

func TestPassingFaultsArePassedOver(t *testing.T) {
	for _, name := range []string{"schematics", "kernel-amd64"} {
		f, cache := newFactory(t), t.TempDir()
		codes := []int{503, 500, 502, 504, 429}
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if filepath.Base(r.URL.Path) != name || len(codes) == 0 {
				return false
			}
			w.WriteHeader(codes[0])
			codes = codes[1:]
			return true
		}
		var log strings.Builder
		order := f.order()
		order.Log = slog.New(slog.NewTextHandler(&log, nil))
		_, err := Fetch(t.Context(), order, Want{}, cache)
		require.NoError(t, err)
		require.Equal(t, 5, strings.Count(log.String(), "file="+name), "%s", log.String())
		requireFetched(t, f, cache, resumed)
	}
}

// hinter is what the errors of this package are for a command line.
type hinter interface {
	error
	Hint() string
}

func TestFaultsThatStayAreNamed(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!DOCTYPE html><title>Log in</title>") }
	code := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, code) }
	}
	for name, c := range map[string]struct {
		file   string
		answer http.HandlerFunc
		tries  int
		want   string // in the error
		hint   string // in its hint; empty: it has none
	}{
		"503 for ever":           {"kernel-amd64", code(503, "being built"), maxTries, `503 Service Unavailable: "being built"`, "try again later"},
		"404":                    {"kernel-amd64", code(404, "no such image"), 1, "404", "check talos.version"},
		"a refused schematic":    {"schematics", code(400, "no such extension"), 1, `"no such extension"`, "check the extensions"},
		"a login":                {"schematics", code(403, ""), 1, "403", "user"},
		"a page":                 {"kernel-amd64", page, 1, "<!DOCTYPE html>", "web page"},
		"a page for a schematic": {"schematics", page, 1, "<!DOCTYPE html>", "web page"},
		"a page of another type": {"kernel-amd64", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			page(w, r)
		}, 1, "not a Linux kernel for amd64", "web page"},
		"a page as arguments": {"cmdline-metal-amd64", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			page(w, r)
		}, 1, "not one line of kernel arguments", "web page"},
		"no JSON":       {"schematics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }, 1, "answer of", ""},
		"another id":    {"schematics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"abc"}`) }, 1, `id is "abc"`, "--assets-dir"},
		"an empty file": {"kernel-amd64", func(http.ResponseWriter, *http.Request) {}, 1, "is empty", "fetch the file again"},
		"too large a file": {"cmdline-metal-amd64", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, strings.Repeat("x", maxCmdline+1))
		}, 1, "at most 65536", "fetch the file again"},
		"one that says it is too large": {"cmdline-metal-amd64", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999999999")
		}, 1, "has 999999999 bytes", "fetch the file again"},
		"another architecture's kernel": {"kernel-amd64", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(content(filesFor(ARM64, false).kernel))
		}, 1, "not a Linux kernel for amd64", "architecture"},
		"packed": {"kernel-amd64", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			fmt.Fprint(w, "x")
		}, 1, `Content-Encoding "br"`, ""},
		"a part nobody asked for": {"kernel-amd64", code(206, "x"), 1, "206", "try again"},
		"a body that is always cut": {"kernel-amd64", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = io.WriteString(w, "a beginning")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, maxTries, "broken off after 11 bytes", ""},
		"a body without an end": {"kernel-amd64", func(w http.ResponseWriter, _ *http.Request) {
			conn, out, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprint(out, "HTTP/1.0 200 OK\r\n\r\nMZ")
				_ = errors.Join(out.Flush(), conn.Close())
			}
		}, 1, "without saying where the file ends", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, cache := newFactory(t), t.TempDir()
			f.answering(c.file, c.answer)
			_, err := Fetch(t.Context(), f.order(), Want{}, cache)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, strings.TrimSuffix(c.file, "s"))
			var h hinter
			require.Equal(t, c.hint != "", errors.As(err, &h), "%v", err)
			if c.hint != "" {
				require.Contains(t, h.Hint(), c.hint)
			}
			tries := 0
			for _, ask := range f.asked() {
				if strings.Contains(ask, c.file) {
					tries++
				}
			}
			require.Equal(t, c.tries, tries)
			require.NoFileExists(t, filepath.Join(f.dir(cache), c.file))
		})
	}
}

func TestAFileThatStallsIsGivenUpAndTriedAgain(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	f.answering("kernel-amd64", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(f.files["kernel-amd64"][:100])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	order := f.order()
	order.stallTimeout = 20 * time.Millisecond
	_, err := Fetch(t.Context(), order, Want{}, cache)
	require.ErrorIs(t, err, errStalled)
	require.ErrorContains(t, err, "no data for 20ms")
}

// writing is called for each line of a log.
type writing func()

func (w writing) Write(line []byte) (int, error) {
	w()
	return len(line), nil
}

func TestFetchEndsWithItsContext(t *testing.T) {
	f := newFactory(t)
	interrupted, interrupt := context.WithCancel(t.Context())
	f.answering("schematics", func(http.ResponseWriter, *http.Request) {
		interrupt()
		<-interrupted.Done()
		panic(http.ErrAbortHandler) // an answer could still win
	})
	_, err := Fetch(interrupted, f.order(), Want{}, t.TempDir())
	require.ErrorIs(t, err, context.Canceled)

	late, end := context.WithCancelCause(t.Context())
	f.answering("schematics", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	order := f.order()
	order.firstPause = time.Hour
	order.Log = slog.New(slog.NewTextHandler(writing(func() { end(context.DeadlineExceeded) }), nil)) // in the pause
	_, err = Fetch(late, order, Want{}, t.TempDir())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "502", "a timeout carries the last real error")
}

func TestWrongNamesAndCertificatesAreNotTriedAgain(t *testing.T) {
	var passes *passingError
	require.NotErrorAs(t, passing(&url.Error{Err: &net.DNSError{IsNotFound: true}}), &passes)
	require.ErrorAs(t, passing(&url.Error{Err: &net.DNSError{IsTimeout: true}}), &passes)

	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the refused handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	order := newFactory(t).order()
	order.URL, order.firstPause = server.URL, time.Hour
	_, err := Fetch(t.Context(), order, Want{}, t.TempDir())
	require.ErrorContains(t, err, "certificate")
}
