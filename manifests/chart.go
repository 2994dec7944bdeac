// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	chartFile  = "Chart.yaml"
	valuesFile = "values.yaml"
	schemaFile = "values.schema.json"
	// markLength is how many hexadecimal digits of the content's hash a version carries: 32 bits are plenty to tell the
	// few contents one version of a chart ever has.
	markLength = 8
)

// chart is one chart in memory.
type chart struct {
	name    string
	version string         // with the content's mark
	meta    map[string]any // of Chart.yaml, with that version
	files   []file         // in the order of their paths; Chart.yaml stands as it was read
}

type file struct {
	path string // relative to the chart
	data []byte
}

// readChart reads the directory name of charts.
func readChart(charts fs.FS, name string) (*chart, error) {
	c := &chart{name: name}
	err := fs.WalkDir(charts, name, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(charts, p)
		if err != nil {
			return err
		}
		c.files = append(c.files, file{path: p[len(name)+1:], data: data})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read chart %s: %w", name, err)
	}
	if err := c.stamp(); err != nil {
		return nil, fmt.Errorf("read chart %s: %w", name, err)
	}
	return c, nil
}

// Pack makes a packed chart of files by their paths in it, Chart.yaml among them, whose version stays as it is. The same files
// give the same bytes.
func (*Repository) Pack(files map[string][]byte) ([]byte, error) {
	c := &chart{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		c.files = append(c.files, file{path: path, data: files[path]})
	}
	source, ok := c.file(chartFile)
	if !ok {
		return nil, fmt.Errorf("pack a chart: %s: %w", chartFile, fs.ErrNotExist)
	}
	if err := yaml.Unmarshal(source, &c.meta); err != nil {
		return nil, fmt.Errorf("pack a chart: %s: %w", chartFile, err)
	}
	if c.name, _ = c.meta["name"].(string); c.name == "" {
		return nil, fmt.Errorf("pack a chart: %s: name: missing", chartFile)
	}
	return c.archive()
}

// stamp reads Chart.yaml and adds the content's mark to the version.
func (c *chart) stamp() error {
	source, ok := c.file(chartFile)
	if !ok {
		return fmt.Errorf("%s: %w", chartFile, fs.ErrNotExist)
	}
	if err := yaml.UnmarshalStrict(source, &c.meta); err != nil {
		return fmt.Errorf("%s: %w", chartFile, err)
	}
	if c.meta["name"] != c.name {
		return fmt.Errorf("%s: name: %q: not the name of its directory", chartFile, c.meta["name"])
	}
	base, _ := c.meta["version"].(string)
	if base == "" {
		return fmt.Errorf("%s: version: missing", chartFile)
	}
	c.version = base + "+" + c.mark()
	c.meta["version"] = c.version
	return nil
}

// mark is the beginning of a hash over every path and every byte, each with its length, so that no two contents meet
// by moving bytes from one file to the next.
func (c *chart) mark() string {
	sum := sha256.New()
	for _, f := range c.files {
		fmt.Fprintf(sum, "%d %s\n%d\n", len(f.path), f.path, len(f.data))
		sum.Write(f.data)
	}
	return hex.EncodeToString(sum.Sum(nil))[:markLength]
}

func (c *chart) file(path string) ([]byte, bool) {
	for _, f := range c.files {
		if f.path == path {
			return f.data, true
		}
	}
	return nil, false
}

// archive packs the chart the way Helm does. The same content gives the same bytes: no clock, no owner, one order.
func (c *chart) archive() ([]byte, error) {
	var out bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	packed := tar.NewWriter(compressed)
	for _, f := range c.files {
		data := f.data
		if f.path == chartFile {
			if data, err = yaml.Marshal(c.meta); err != nil {
				return nil, fmt.Errorf("pack chart %s: %w", c.name, err)
			}
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     path.Join(c.name, f.path),
			Mode:     0o644,
			Size:     int64(len(data)),
			ModTime:  time.Unix(0, 0).UTC(),
		}
		if err := packed.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack chart %s: %w", c.name, err)
		}
		if _, err := packed.Write(data); err != nil {
			return nil, fmt.Errorf("pack chart %s: %w", c.name, err)
		}
	}
	if err := packed.Close(); err != nil {
		return nil, fmt.Errorf("pack chart %s: %w", c.name, err)
	}
	if err := compressed.Close(); err != nil {
		return nil, fmt.Errorf("pack chart %s: %w", c.name, err)
	}
	return out.Bytes(), nil
}
