// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Repository is a Helm chart repository in memory, and its HTTP handler: index.yaml and one archive for each chart, at
// the root of whatever path it is mounted under. It is immutable, and safe for concurrent use.
type Repository struct {
	charts map[string]packed
	index  map[string]any    // name of a chart -> its entries
	served map[string][]byte // URL path without the leading slash -> content
}

type packed struct {
	version string
	archive []byte
	values  []byte
	schema  []byte // nil: the chart has none
}

// NewRepository packs every chart of charts, a directory each, as Charts returns them.
func NewRepository(charts fs.FS) (*Repository, error) {
	entries, err := fs.ReadDir(charts, ".")
	if err != nil {
		return nil, fmt.Errorf("read charts: %w", err)
	}
	r := &Repository{charts: map[string]packed{}, index: map[string]any{}, served: map[string][]byte{}}
	for _, entry := range entries {
		if !entry.IsDir() {
			return nil, fmt.Errorf("read charts: %s: not a directory", entry.Name())
		}
		c, err := readChart(charts, entry.Name())
		if err != nil {
			return nil, err
		}
		archive, err := c.archive()
		if err != nil {
			return nil, err
		}
		values, _ := c.file(valuesFile)
		schema, _ := c.file(schemaFile)
		r.charts[c.name] = packed{version: c.version, archive: archive, values: values, schema: schema}
		r.served[c.archiveName()] = archive
		r.index[c.name] = []any{c.indexEntry(archive)}
	}
	return r, r.writeIndex()
}

func (r *Repository) writeIndex() error {
	content, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "entries": r.index, "generated": epoch()})
	if err != nil {
		return fmt.Errorf("write the index of charts: %w", err)
	}
	r.served["index.yaml"] = content
	return nil
}

// Names lists the charts, sorted.
func (r *Repository) Names() []string {
	names := make([]string, 0, len(r.charts))
	for name := range r.charts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Version is the version, with its content's mark, of the chart of that name.
// An unknown name is an error that matches fs.ErrNotExist.
func (r *Repository) Version(name string) (string, error) {
	c, err := r.chart(name)
	return c.version, err
}

// Archive is the chart of that name as a .tgz file. The caller must not change it.
// An unknown name is an error that matches fs.ErrNotExist.
func (r *Repository) Archive(name string) ([]byte, error) {
	c, err := r.chart(name)
	return c.archive, err
}

// Values is values.yaml of the chart of that name; nil if it has none. The caller must not change it.
// An unknown name is an error that matches fs.ErrNotExist.
func (r *Repository) Values(name string) ([]byte, error) {
	c, err := r.chart(name)
	return c.values, err
}

// Schema is the JSON schema of the values of the chart of that name; nil if it has none. The caller must not change it.
// An unknown name is an error that matches fs.ErrNotExist.
func (r *Repository) Schema(name string) ([]byte, error) {
	c, err := r.chart(name)
	return c.schema, err
}

// ServeHTTP answers GET and HEAD for index.yaml and the archives it names.
func (r *Repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are served here", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(req.URL.Path, "/")
	content, ok := r.served[name]
	if !ok {
		http.NotFound(w, req)
		return
	}
	contentType := "application/gzip"
	if strings.HasSuffix(name, ".yaml") {
		contentType = "application/yaml"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("ETag", `"`+digest(content)+`"`)
	// The zero time: the ETag alone says whether a copy is still good.
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(content))
}

func (r *Repository) chart(name string) (packed, error) {
	c, ok := r.charts[name]
	if !ok {
		return packed{}, fmt.Errorf("chart %q: %w", name, fs.ErrNotExist)
	}
	return c, nil
}

func (c *chart) archiveName() string { return c.name + "-" + c.version + ".tgz" }

// indexEntry is what index.yaml says of the chart: all of Chart.yaml, and where the archive is. The URL is relative, so
// the repository works under any host and path.
func (c *chart) indexEntry(archive []byte) map[string]any {
	entry := map[string]any{
		"urls":    []any{c.archiveName()},
		"digest":  digest(archive),
		"created": epoch(),
	}
	for key, value := range c.meta {
		entry[key] = value
	}
	return entry
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// epoch stands where the format wants a time: a clock would make every index differ.
func epoch() string { return time.Unix(0, 0).UTC().Format(time.RFC3339) }
