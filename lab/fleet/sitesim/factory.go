// SPDX-License-Identifier: Apache-2.0

package sitesim

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/siderolabs/image-factory/pkg/schematic"
)

// cmdline is what a Talos 1.13 metal image for amd64 boots with, before the schematic's own arguments.
const cmdline = "talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on consoleblank=0 " +
	"nvme_core.io_timeout=4294967295 printk.devkmsg=on selinux=1 module.sig_enforce=1"

// maxSchematic bounds what a client may post.
const maxSchematic = 1 << 20

// Factory simulates the image factory's HTTP API: POST /schematics, and GET or HEAD of
// /image/<schematic id>/<Talos version>/<file>. It is an http.Handler.
type Factory struct {
	// KernelSize and InitramfsSize are in bytes. Zero: 3 MiB and 5 MiB.
	KernelSize, InitramfsSize int

	mu         sync.Mutex
	schematics map[string]*schematic.Schematic
}

// ServeHTTP answers as factory.talos.dev does, but that every file is made of random bytes.
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

	if r.PathValue("file") == "cmdline-metal-amd64" {
		content = []byte(strings.Join(append([]string{cmdline}, wanted.Customization.ExtraKernelArgs...), " "))
	}

	if content == nil {
		http.Error(w, "no such image", http.StatusNotFound)

		return
	}

	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// Content gives the bytes of a kernel or an initramfs, so that a test can say what must have arrived. Nil: no such file.
func (f *Factory) Content(schematicID, version, file string) []byte {
	size := 0

	switch file {
	case "kernel-amd64":
		if size = f.KernelSize; size == 0 {
			size = 3 << 20
		}
	case "initramfs-amd64.xz":
		if size = f.InitramfsSize; size == 0 {
			size = 5 << 20
		}
	default:
		return nil
	}

	return noise(size, "SIMULATED "+file+" "+version+" "+schematicID+"\n")
}

// noise is size random bytes that begin with a label and depend on it alone.
func noise(size int, label string) []byte {
	content := make([]byte, size)
	source := rand.NewChaCha8(sha256.Sum256([]byte(label)))
	_, _ = source.Read(content) // never fails
	copy(content, label)

	return content
}
