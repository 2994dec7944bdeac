// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
)

const (
	schematic = "customization:\n  systemExtensions:\n    officialExtensions:\n      - siderolabs/drbd\n"
	version   = "v1.13.9"
	cmdline   = "talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on"
)

// factory is an image factory: it hashes schematics and knows images of those it was told.
type factory struct {
	*httptest.Server
	files map[string][]byte

	mu       sync.Mutex
	known    map[string]bool
	requests []string
}

func newFactory(t testing.TB) *factory {
	t.Helper()
	f := &factory{known: map[string]bool{}, files: map[string][]byte{
		"kernel-amd64":        bytes.Repeat([]byte("kernel"), 10_000),
		"initramfs-amd64.xz":  bytes.Repeat([]byte("initramfs"), 50_000),
		"cmdline-metal-amd64": []byte(cmdline),
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /schematics", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id := hashOf(body)
		f.mu.Lock()
		f.known[id] = true
		f.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "{\"id\":%q}", id)
	})
	mux.HandleFunc("GET /image/{id}/{version}/{name}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		data, ok := f.files[r.PathValue("name")]
		if !ok || !f.known[r.PathValue("id")] || r.PathValue("version") != version {
			http.Error(w, "no such image", http.StatusNotFound)
			return
		}
		_, _ = w.Write(data)
	})
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+filepath.Base(r.URL.Path))
		f.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *factory) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.requests
	f.requests = nil
	return list
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (f *factory) order() Factory {
	return Factory{URL: f.URL, Schematic: []byte(schematic), ID: hashOf([]byte(schematic)), Version: version}
}
