// SPDX-License-Identifier: Apache-2.0

package sitesim

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/siderolabs/image-factory/pkg/schematic"
)

// maxSchematic bounds what a client may post.
const maxSchematic = 1 << 20

// Factory simulates the image factory's HTTP API: POST /schematics, and GET or HEAD of
// /image/<schematic id>/<Talos version>/<file>, with ranges and an ETag as the storage has to which the public factory
// redirects. It is an http.Handler.
type Factory struct {
	// KernelSize, InitramfsSize and UKISize are in bytes, at least 4096. Zero: 3 MiB, 5 MiB and 1 MiB.
	KernelSize, InitramfsSize, UKISize int
	// NoRanges answers with whole files and no ETag, as a factory without such storage does.
	NoRanges bool

	mu         sync.Mutex
	schematics map[string]*schematic.Schematic
	faults     []fault
	builds     int
}

// ServeHTTP answers as factory.talos.dev does, but that nothing in a file can run.
func (f *Factory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /schematics", f.create)
	mux.HandleFunc("GET /image/{schematic}/{version}/{file}", f.image)
	mux.ServeHTTP(w, r)
}

func (f *Factory) create(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSchematic))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)

		return
	}

	wanted, err := schematic.Unmarshal(data)
	if err != nil {
		http.Error(w, "yaml: "+err.Error(), http.StatusBadRequest)

		return
	}

	id, err := wanted.ID()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)

		return
	}

	f.mu.Lock()
	defer f.mu.Unlock()

	if f.schematics == nil {
		f.schematics = map[string]*schematic.Schematic{}
	}

	f.schematics[id] = wanted

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "{\"id\":%q}\n", id) // hex digits need no escapes
}

func (f *Factory) image(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	wanted, ok := f.schematics[r.PathValue("schematic")]
	f.mu.Unlock()

	if !ok {
		http.Error(w, "schematic not found", http.StatusNotFound)

		return
	}

	content := f.Content(r.PathValue("schematic"), r.PathValue("version"), r.PathValue("file"))
	if line := cmdline(r.PathValue("file")); line != "" {
		content = []byte(strings.Join(append([]string{line}, wanted.Customization.ExtraKernelArgs...), " "))
	}

	if content == nil {
		http.Error(w, "no such image", http.StatusNotFound)

		return
	}

	if w = f.faulty(w); w == nil {
		return
	}

	w.Header().Set("Content-Type", "application/octet-stream")

	if f.NoRanges {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content) // the client's loss

		return
	}

	w.Header().Set("ETag", fmt.Sprintf("\"%x\"", sha256.Sum256(content)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
