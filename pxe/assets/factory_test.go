// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	schematic = "customization:\n  systemExtensions:\n    officialExtensions:\n      - siderolabs/drbd\n"
	version   = "v1.13.9"
	arguments = "talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on"
)

// factory is an image factory: it hashes schematics and knows images of those it was told.
type factory struct {
	*httptest.Server

	mu       sync.Mutex
	files    map[string][]byte
	known    map[string]bool
	requests []string
	ranges   bool                                          // answers Range, with an ETag
	noTags   bool                                          // without an ETag
	deafTo   string                                        // a request header that is not looked at
	cutAt    []int64                                       // the n-th answer ends after so many bytes of its body, with the connection
	before   func(http.ResponseWriter, *http.Request) bool // true: it has answered
}

func newFactory(t testing.TB) *factory {
	t.Helper()
	f := &factory{known: map[string]bool{}, files: map[string][]byte{}, ranges: true}
	for _, arch := range architectures() {
		for _, secure := range []bool{false, true} {
			for _, file := range filesFor(arch, secure).all() {
				f.files[file.name] = content(file)
			}
		}
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *factory) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	ask := r.Method + " " + filepath.Base(r.URL.Path)
	if from := r.Header.Get("Range"); from != "" {
		ask += " " + from
	}
	f.requests = append(f.requests, ask)
	before := f.before
	f.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	if r.Method == http.MethodPost {
		f.create(w, r)
		return
	}
	f.image(w, r)
}

func (f *factory) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.known[hashOf(body)] = true
	f.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "{\"id\":%q}", hashOf(body))
}

func (f *factory) image(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	name := filepath.Base(r.URL.Path)
	data, ok := f.files[name]
	id := filepath.Base(filepath.Dir(filepath.Dir(r.URL.Path)))
	ok = ok && f.known[id] && r.URL.Path == "/image/"+id+"/"+version+"/"+name
	cut := int64(-1)
	if len(f.cutAt) > 0 {
		cut, f.cutAt = f.cutAt[0], f.cutAt[1:]
	}
	f.mu.Unlock()
	if !ok {
		http.Error(w, "no such image", http.StatusNotFound)
		return
	}
	if cut >= 0 {
		w = &cutting{ResponseWriter: w, left: cut}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if !f.ranges {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data)
		return
	}
	if !f.noTags {
		w.Header().Set("ETag", strconv.Quote(hashOf(data)[:16]))
	}
	r.Header.Del(f.deafTo)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// cutting ends the connection in the middle of a body.
type cutting struct {
	http.ResponseWriter
	left int64
}

func (c *cutting) Write(data []byte) (int, error) {
	if int64(len(data)) <= c.left {
		c.left -= int64(len(data))
		return c.ResponseWriter.Write(data)
	}
	_, _ = c.ResponseWriter.Write(data[:c.left])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// set changes a file of the factory.
func (f *factory) set(name string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[name] = data
}

// asked gives the requests since the last call.
func (f *factory) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.requests
	f.requests = nil
	return list
}

func (f *factory) order() Factory {
	return Factory{
		URL: f.URL, Schematic: []byte(schematic), ID: hashOf([]byte(schematic)), Version: version,
		Client: f.Client(), firstPause: time.Millisecond,
	}
}

// dir is where files of an order lie.
func (f *factory) dir(cache string) string { return filepath.Join(cache, f.order().ID, version) }

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// content is a file of the right kind that boots nothing.
func content(f file) []byte {
	data := bytes.Repeat([]byte(f.name+" "), 4000)
	machine := uint16(0x8664)
	if f.arch == ARM64 {
		machine = 0xaa64
	}
	switch f.kind {
	case kernel:
		copy(data, "MZ")
		if f.arch == ARM64 {
			copy(data[56:], "ARM\x64")
		} else {
			copy(data[0x202:], "HdrS")
		}
	case initramfs:
		copy(data, "\x28\xb5\x2f\xfd")
	case uki:
		copy(data, "MZ")
		binary.LittleEndian.PutUint32(data[0x3c:], 0x80)
		copy(data[0x80:], "PE\x00\x00")
		binary.LittleEndian.PutUint16(data[0x84:], machine)
	case cmdline:
		return []byte(arguments)
	}
	return data
}

// write puts the named files into a directory, with right content.
func write(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		data := []byte(nil)
		for _, arch := range architectures() {
			for _, secure := range []bool{false, true} {
				for _, file := range filesFor(arch, secure).all() {
					if file.name == name {
						data = content(file)
					}
				}
			}
		}
		require.NotNil(t, data, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}
