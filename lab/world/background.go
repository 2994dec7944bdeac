// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

func (w *World) background(run func() error) {
	w.running.Go(func() {
		if err := run(); err != nil {
			w.cfg.Log.Error("a part of the simulated site ended", "error", err)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.errs = append(w.errs, err)
		}
	})
}

func (w *World) serve(life context.Context, what string, listener net.Listener, handler http.Handler) *http.Server {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(life, func() { _ = server.Close() })
	w.background(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
	return server
}
