// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Bounds of the server's connections.
const (
	headTimeout     = 10 * time.Second
	idleTimeout     = 2 * time.Minute
	transferTimeout = time.Hour        // of one answer: 4 GiB at 10 Mbit/s
	endTimeout      = 10 * time.Second // for answers that are on their way when the server ends
	maxHead         = 16 << 10         // bytes
	maxConnections  = 4096             // 500 nodes that pull eight layers each
)

// Serve answers HTTP on the listener until the context ends, writes a line for each request to the log, and closes the
// listener. Answers that are on their way get ten seconds to end.
func (r *Registry) Serve(ctx context.Context, listener net.Listener) error {
	var open atomic.Int64

	server := &http.Server{
		Handler:           http.HandlerFunc(r.serveLogged),
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       headTimeout, // nobody has a body to send
		WriteTimeout:      transferTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
		// Counting here instead of in a wrapped listener leaves the connection a *net.TCPConn, which sendfile needs.
		ConnState: func(conn net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if open.Add(1) > maxConnections {
					_ = conn.Close() // the client tries again
				}
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			case http.StateActive, http.StateIdle:
			}
		},
	}

	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)

		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()

		if server.Shutdown(last) != nil {
			_ = server.Close() // what is left has had its time
		}
	})

	err := server.Serve(listener)
	if stop() { // it failed by itself
		return err
	}

	<-ended

	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}

	return err
}

func (r *Registry) serveLogged(w http.ResponseWriter, request *http.Request) {
	ctx, start, seen := request.Context(), time.Now(), &recorder{ResponseWriter: w}
	// Also when an answer breaks off, which a panic does.
	defer func() {
		r.log.InfoContext(ctx, "request", "client", request.RemoteAddr, "method", request.Method,
			"path", request.URL.Path, "status", seen.status, "bytes", seen.bytes, "took", time.Since(start).Round(time.Millisecond))
	}()

	r.ServeHTTP(seen, request)
}

// recorder sees what is answered. It hands files on to the connection, which lets the kernel copy them.
type recorder struct {
	http.ResponseWriter

	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}

	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.begin()
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)

	return n, err
}

// ReadFrom implements io.ReaderFrom.
func (r *recorder) ReadFrom(from io.Reader) (int64, error) {
	r.begin()
	n, err := io.Copy(r.ResponseWriter, from)
	r.bytes += n

	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) begin() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
}
